"""What waits for one channel, and what goes next: order, pace, back-off, copies. Pure; times are handed in.

Back-off is a message's own. The channel has one as well, so that one that is down is not asked once a message; it is
short for what was never tried, so that a message in trouble holds up nobody else's.
"""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

import msgspec

from alerts.notification import NotificationText, digest, marked
from alerts.words import duration
from rigwatch.backoff import doubled, jittered
from rigwatch.clock import Millis
from rigwatch.texts import plain
from store.outbox import StoredNotification
from subscriber.notify.channel import Channel, NotSent

_MINUTE: Millis = 60_000
TRIED_FOR: Millis = 24 * 3_600_000
"""Older than this nothing is sent any more, whether it was tried or lay in a copy of the database."""
OLD_AFTER: Millis = 10 * 60_000
"""From this age on a message says how old it is."""
COPIES_MAX: Final = 4
"""So often at most a message goes out that may have arrived each time; the last one waits until the channel has taken
something else, or an hour."""
_COPY_AFTER_S: Final = (4.0, 60.0, 3600.0)
AT_ONCE: Final = 4
"""Messages under way through one channel. While it is in trouble, those that were tried leave room for others."""
_AT_ONCE_AGAIN: Final = 2
# One after the other, as they were written, while none takes longer than this.
_TIMEOUT_S = 1.0
_FIRST_S, _FRESH_MAX_S, _MAX_S = 2.0, 60.0, 600.0
_RELEASES_MAX: Final = 3
_TEXTS_REFUSED_MAX: Final = 3
"""So many different messages refused for their text in a row, and none taken: it is the channel."""
_BRIEF_MAX: Final = 200


@dataclass(slots=True, eq=False)
class NotificationBatch:
    """Messages that go as one, oldest first. `due` is monotonic; `alone`: together with others it was refused;
    `error`: why it failed last.
    """

    notifications: list[StoredNotification]
    due: float = 0.0
    tries: int = 0
    released: int = 0
    alone: bool = False
    brief: bool = False
    error: str = ""
    begun: float = 0.0
    incidents: frozenset[int] = field(init=False)

    def __post_init__(self) -> None:
        self.incidents = frozenset(number for each in self.notifications for number in each.incidents)

    @property
    def numbers(self) -> set[int]:
        return {each.id for each in self.notifications}

    def as_one(self, now: Millis) -> StoredNotification:
        """What is sent: a digest where there are several, with what has to be said about its age and its copies."""
        text = digest([NotificationText(each.title, each.body) for each in self.notifications])
        if self.brief:
            text = NotificationText(plain(text.title, _BRIEF_MAX), "")
        age = max(now - min(each.created_at for each in self.notifications), 0)
        old = duration(age // _MINUTE * _MINUTE) if age >= OLD_AFTER else ""
        shown = marked(text, may_be_copy=any(each.copies for each in self.notifications), age=old)
        return msgspec.structs.replace(self.notifications[0], title=shown.title, body=shown.body)


class Disposition(Enum):
    """What becomes of a batch that was not sent."""

    AGAIN = auto()
    GIVEN_UP = auto()
    # And so does everything that waits: the channel is not used any more.
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class DeliveryResult:
    """`notifications` are the messages as they are now, `wait` the seconds until they are tried again."""

    fate: Disposition
    why: str
    notifications: list[StoredNotification]
    wait: float = 0.0


@dataclass(slots=True)
class BatchQueue:
    """Of one channel. Whoever takes one says later that it was sent or failed."""

    channel: Channel
    waiting: list[NotificationBatch] = field(default_factory=list)
    under_way: list[NotificationBatch] = field(default_factory=list)
    _sent_at: deque[float] = field(default_factory=deque)
    _quiet_until: float = 0.0
    _failed_at: float = 0.0
    _strikes: int = 0
    _failing: set[int] = field(default_factory=set)
    _texts_refused: set[int] = field(default_factory=set)

    def add(self, notification: StoredNotification, now: float) -> None:
        self.waiting.append(NotificationBatch([notification], now))

    def take(self, now: float) -> NotificationBatch | None:
        """The next to send now; it is under way then."""
        left = self._left(now)
        held = self._held()
        ready = [each for each in self.waiting if each not in held and self._ready_at(each) <= now]
        if not ready or left < 1 or now < self._quiet_until:
            return None
        first = min(ready, key=lambda each: (each.tries, each.notifications[0].id))
        crowd = [each for each in ready if not each.alone] if len(ready) > left and not first.alone else [first]
        taken = self._joined(crowd)
        self._sent_at.append(now)
        taken.begun = now
        self.under_way.append(taken)
        return taken

    def check_at(self, now: float) -> float | None:
        """When there may be something to take; None: not before something is added or comes back."""
        pace = 0.0 if self._left(now) > 0 else self._sent_at[0] + self.channel.per
        held = self._held()
        ours = (self._ready_at(each) for each in self.waiting if each not in held)
        at = max(min(ours, default=math.inf), pace, self._quiet_until)
        return at if at < math.inf else None

    def sent(self, batch: NotificationBatch, now: float) -> None:
        """Also for one that was thought to have failed, and answered late."""
        self._forget(batch)
        self._strikes = 0
        self._failing.clear()
        self._texts_refused.clear()
        # What failed while the channel did need not wait for its own time; a few times, or one that always fails
        # would go out with each message that does not.
        for each in self.waiting:
            if each.tries and each.released < _RELEASES_MAX and each.due > now:
                each.due, each.released = now, each.released + 1

    def failed(self, batch: NotificationBatch, exc: NotSent, *, now: float, wall: Millis) -> DeliveryResult:
        """What becomes of it; where it is tried again, it waits already."""
        self._forget(batch)
        if exc.maybe:
            batch.notifications = [
                msgspec.structs.replace(each, copies=each.copies + 1) for each in batch.notifications
            ]
        why = str(exc)
        if exc.partly and (exc.permanent or exc.text):
            return DeliveryResult(
                Disposition.GIVEN_UP, f"one of its addresses refuses, the others have it: {why}", batch.notifications
            )
        if exc.text:
            return self._text_refused(batch, why, now)
        if exc.permanent:
            return DeliveryResult(Disposition.REFUSED, why, batch.notifications)
        self._strike(batch, exc, now)
        copies = max(each.copies for each in batch.notifications)
        if copies >= COPIES_MAX:
            return DeliveryResult(
                Disposition.GIVEN_UP, f"it may have arrived {copies} times, never confirmed: {why}", batch.notifications
            )
        if is_stale(batch, wall):
            return DeliveryResult(
                Disposition.GIVEN_UP, f"given up after {duration(TRIED_FOR)}: {why}", batch.notifications
            )
        batch.tries += 1
        wait = _COPY_AFTER_S[copies - 1] if exc.maybe else _bound(batch.tries, _MAX_S)
        # Full jitter would allow no wait at all, and the other side is in trouble.
        wait = max(jittered(wait, least=wait / 2), exc.retry_after)
        batch.due = now + wait
        self._wait_again(batch)
        return DeliveryResult(Disposition.AGAIN, why, batch.notifications, wait)

    def empty(self) -> list[StoredNotification]:
        """All that waits, which does not any more."""
        waiting, self.waiting = self.waiting, []
        return [one for each in waiting for one in each.notifications]

    def recover(self) -> None:
        """After a defect: what was under way may have arrived, and waits again."""
        for each in self.under_way:
            each.notifications = [msgspec.structs.replace(one, copies=one.copies + 1) for one in each.notifications]
        self.waiting += self.under_way
        self.under_way = []

    def use(self, channel: Channel, now: float) -> None:
        """From now on; where it is another address, the old one's troubles are not its own."""
        changed = channel.address != self.channel.address
        self.channel = channel
        if changed:
            self._strikes, self._quiet_until = 0, 0.0
            self._failing.clear()
            for each in self.waiting:
                each.due = now

    def _left(self, now: float) -> int:
        while self._sent_at and self._sent_at[0] <= now - self.channel.per:
            self._sent_at.popleft()
        return self.channel.rate - len(self._sent_at)

    def _ready_at(self, batch: NotificationBatch) -> float:
        """When it may go; infinite: not before one that is under way is back."""
        return max(batch.due, self._allowed_at(batch), self._room_at(batch))

    def _room_at(self, batch: NotificationBatch) -> float:
        """When it may be one more that is under way."""
        if not self.under_way:
            return 0.0
        most = _AT_ONCE_AGAIN if self._strikes and batch.tries else AT_ONCE
        if len(self.under_way) >= most:
            return math.inf
        return max(each.begun for each in self.under_way) + _TIMEOUT_S

    def _held(self) -> set[NotificationBatch]:
        """Whose incident has an earlier message that is under way, or waits for one: nothing is told before that."""
        told = {number for each in self.under_way for number in each.incidents}
        held: set[NotificationBatch] = set()
        for each in self.waiting if told else ():
            if not each.incidents.isdisjoint(told):
                held.add(each)
                told |= each.incidents
        return held

    def _allowed_at(self, batch: NotificationBatch) -> float:
        """The channel's own back-off: of what failed already, and a shorter one of what was never tried."""
        if not self._strikes:
            return 0.0
        if batch.tries:
            return self._failed_at + _bound(self._strikes, _MAX_S) / 2
        return self._failed_at + _bound(len(self._failing), _FRESH_MAX_S) / 2

    def _joined(self, chosen: Sequence[NotificationBatch]) -> NotificationBatch:
        """With what waits of the same incidents and is older, so that no story is told backwards."""
        first, together = chosen[0], set(chosen)
        incidents: set[int] = set()
        for each in reversed(self.waiting):
            if each not in together and (first.alone or each.alone or each.incidents.isdisjoint(incidents)):
                continue
            together.add(each)
            incidents |= each.incidents
        self.waiting = [each for each in self.waiting if each not in together]
        if together == {first}:
            return first
        notifications = sorted((one for each in together for one in each.notifications), key=lambda each: each.id)
        return NotificationBatch(
            notifications, first.due, max(each.tries for each in together), max(each.released for each in together)
        )

    def _text_refused(self, batch: NotificationBatch, why: str, now: float) -> DeliveryResult:
        """Each by itself, then only its first line; the others go on meanwhile."""
        if len(batch.notifications) > 1:
            tries = max(batch.tries, 1)
            self._wait_again(*(NotificationBatch([each], now, tries, alone=True) for each in batch.notifications))
            return DeliveryResult(Disposition.AGAIN, why, batch.notifications)
        self._texts_refused |= batch.numbers
        if not batch.brief:
            batch.tries += 1
            batch.alone = batch.brief = True
            batch.due = now
            self._wait_again(batch)
            return DeliveryResult(Disposition.AGAIN, why, batch.notifications)
        if len(self._texts_refused) >= _TEXTS_REFUSED_MAX:
            return DeliveryResult(Disposition.REFUSED, f"every text is refused: {why}", batch.notifications)
        return DeliveryResult(Disposition.GIVEN_UP, f"its text is refused: {why}", batch.notifications)

    def _strike(self, batch: NotificationBatch, exc: NotSent, now: float) -> None:
        self._strikes += 1
        self._failed_at = now
        self._failing |= batch.numbers
        self._quiet_until = max(self._quiet_until, now + exc.retry_after if exc.retry_after else 0.0)

    def _wait_again(self, *batches: NotificationBatch) -> None:
        self.waiting += batches
        self.waiting.sort(key=lambda each: each.notifications[0].id)

    def _forget(self, batch: NotificationBatch) -> None:
        for place in (self.under_way, self.waiting):
            if batch in place:
                place.remove(batch)


def is_stale(batch: NotificationBatch, wall: Millis) -> bool:
    """Whether all of it is too old to be told."""
    return all(wall - each.created_at > TRIED_FOR for each in batch.notifications)


def _bound(count: int, most: float) -> float:
    return doubled(count, first=_FIRST_S, most=most)
