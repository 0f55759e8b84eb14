"""Drives the alerts: feeds the engine what a batch or the clock brought, and stores each step with what caused it."""

import logging
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from itertools import islice

from msgspec import structs

from alerts.blackout import PastIncident, TellingState
from alerts.book import Decision
from alerts.engine import Engine, StepResult
from alerts.facts import ServerFacts
from alerts.ingest import ReceivedMessage, ReportTaken, StatusTaken
from alerts.policy import Policy
from alerts.route import Route
from alerts.rule import Rule
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.errors import RigwatchError
from rigwatch.topics import NodeId
from store import Store, Verdict, Written, alerts, crowds, devices, marks, outbox, reader, silences
from store import leader_lease as turns
from store.leader_lease import LeaderLease, LeaseRow
from store.outbox import StoredNotification
from store.transaction import Transaction
from subscriber.jumps import Jumps

log = logging.getLogger(__name__)

_ALL_EVERY: Millis = 60_000
_SEEN_WITHIN: Millis = 10_000
_BASELINES_EVERY: Millis = 600_000
_BASELINES_WITHIN: Millis = 90_000_000  # a day and the hour it begins in
_FORGET_EVERY: Millis = 600_000
_VALIDITY_EVERY: Millis = 60_000
# A node that reports more often than this is looked at by the clock, and so is who comes in a crowd: most reports
# change nothing, and none of it may keep others from being stored. Births and deaths are never waited with.
_REPORTS_EVERY: Millis = 1_000
_ASKED_MOST = 1000
_LOOKS_A_BATCH = 200
_LOOKS_A_TICK = 1000


def _none_expires(_now: Millis, _before: timedelta) -> Mapping[str, str]:
    return {}


class AlertDriver:
    """Used by the store's one thread only. `connected_at` says since when there is a broker."""

    def __init__(
        self,
        policy: Policy,
        routes: Sequence[Route],
        *,
        addresses: dict[str, str],
        link: str,
        clock: Clock,
        connected_at: Callable[[], Millis | None],
        expiring: Callable[[Millis, timedelta], Mapping[str, str]] = _none_expires,
        name: str = "",
    ) -> None:
        self._policy = policy
        self._routes = routes
        self._addresses = addresses
        self._link = link
        self._clock = clock
        self._connected_at = connected_at
        self._expiring = expiring
        self._validity_at: Millis = 0
        self._name = name
        self._turn: LeaderLease | None = None
        self._engine: Engine | None = None
        self._changed = -1
        self._decision = 0
        self._message = 0
        self._looked_at: Millis = 0
        self._baselines_at: Millis = 0
        self._forgot_at: Millis = 0
        self._notifications: list[StoredNotification] = []
        self._left_over: list[StoredNotification] = []
        self._reported: dict[NodeId, Millis] = {}
        # In the order in which they came.
        self._waiting: dict[NodeId, None] = {}
        self._heir = False
        self._past: deque[PastIncident] = deque()
        self._recorded = 0
        self._plugs_seen: tuple[int, int] = (-1, -1)
        self._asked: deque[str] = deque(maxlen=_ASKED_MOST)
        self.known = TellingState()
        self.check_at: Millis | None = None
        self.stepped_at: Millis | None = None
        self._jumps = Jumps(clock)
        self._jumped_at: Millis = 0

    @property
    def drives(self) -> bool:
        """Whether it is this subscriber's turn."""
        return self._engine is not None and self._turn is not None and self._turn.is_fresh

    @property
    def speaks(self) -> bool:
        """Whether it was our turn when the database last said so, or would be if it could be written."""
        return self._turn is not None and (self._turn.term is not None or self._heir)

    def use(self, policy: Policy, routes: Sequence[Route], *, addresses: dict[str, str], link: str) -> None:
        """Decides by these from now on: the engine begins anew from what is stored, in the same turn."""
        self._policy, self._routes, self._addresses, self._link = policy, routes, addresses, link
        self._forget()

    def record(self, past: PastIncident) -> None:
        """What was decided and told from memory, to be stored for the record. From any thread."""
        self._past.append(past)

    @property
    def term(self) -> int | None:
        """Which of all turns is ours; None while it is another's."""
        return self._turn.term if self._turn is not None else None

    def write(self, store: Store, batch: Sequence[ReceivedMessage]) -> tuple[list[Verdict], list[StoredNotification]]:
        """Stores a batch and, in the same transaction, what it means. Messages in the answer are committed."""
        if self._engine is None:
            return store.take(batch), []
        stepped = False

        def then(tx: Transaction, written: Written) -> None:
            nonlocal stepped
            stepped = True
            self._after(tx, batch, written)

        try:
            return store.take(batch, then), self._take()
        except RigwatchError:
            if stepped:
                # What the engine thinks is stored is not.
                self._forget()
            raise
        except Exception:
            if not stepped:
                raise
            # A defect of a rule must not keep reports from being stored. The batch goes in without it; the engine
            # begins anew from what is stored and looks at every node again.
            log.exception("alerts failed in a batch, it is stored without them")
            self._forget()
            return store.take(batch), []

    def tick(self, store: Store) -> list[StoredNotification]:
        """What is due by the clock, and what people or other subscribers changed."""
        turn = self._turn = self._turn or store.turn(self._name, self._clock.monotonic)
        if self._is_outdone(store):
            self.release(store)
            return []
        with store.read() as tx:
            held = turns.seen(tx)
        had = turn.term is not None
        self._heir = False
        if not turn.may_begin(held):
            self._lose(had=had)
            return []
        try:
            with store.write() as tx:
                number = self._step_by_clock(tx, turn, held)
        except BaseException:
            # What the engine thinks is stored is not: it begins anew from what is.
            self._forget()
            self._heir = held.holder in (None, self._name)
            raise
        if number is None:
            self._lose(had=had)
            return []
        if number != turn.term:
            turn.taken(number)
            open_incidents = len(self._engine.incidents()) if self._engine is not None else 0
            log.info("drives the alerts open_incidents=%s unsent=%s", open_incidents, len(self._left_over))
        for _ in range(self._recorded):
            self._past.popleft()
        self._recorded = 0
        return self._take()

    def release(self, store: Store) -> None:
        """Lets another subscriber drive."""
        self._forget()
        if self._turn is not None and self._turn.term is not None:
            with store.write() as tx:
                self._turn.release(tx)
            self._turn.lost()

    def note(self, tx: Transaction, notifications: Sequence[StoredNotification], what: str, why: str) -> None:
        """What became of messages, in the story of their incidents."""
        now = self._clock.now()
        for each in notifications:
            for incident in each.incidents:
                self._decision += 1
                alerts.add_decision(tx, Decision(incident, now, what, why), self._decision)

    def asked(self) -> Sequence[str]:
        """Plugs that should say now what they draw, each time once. From any thread."""
        # The store's thread adds to it meanwhile.
        return sorted({self._asked.popleft() for _ in range(len(self._asked))})

    def _after(self, tx: Transaction, batch: Sequence[ReceivedMessage], written: Written) -> None:
        engine = self._engine
        assert engine is not None
        if self._turn is None or turns.term(tx) != self._turn.term:
            self._lose(had=True)
            return
        touched = self._touched(batch, written.verdicts)
        if touched:
            engine.take(written.facts(touched))
            self._step(tx, engine)

    def _touched(self, batch: Sequence[ReceivedMessage], verdicts: Sequence[Verdict]) -> set[NodeId]:
        """Whom to look at now: who was born or died, and some of those who have not reported within the last second."""
        now = self._clock.now()
        touched: set[NodeId] = set()
        reported = 0
        for heard, verdict in zip(batch, verdicts, strict=True):
            if isinstance(verdict, StatusTaken):
                touched.add(heard.node)
            elif isinstance(verdict, ReportTaken):
                # A moment to come: the clock was put back.
                if reported < _LOOKS_A_BATCH and not 0 < now - self._reported.get(heard.node, 0) < _REPORTS_EVERY:
                    reported += 1
                    self._reported[heard.node] = now
                    touched.add(heard.node)
                else:
                    self._waiting[heard.node] = None
        for node in touched:
            self._waiting.pop(node, None)
        return touched

    def _waited(self, now: Millis) -> list[NodeId]:
        """Those who have waited longest; they have been looked at then."""
        nodes = list(islice(self._waiting, _LOOKS_A_TICK))
        for node in nodes:
            del self._waiting[node]
            self._reported[node] = now
        return nodes

    def _step_by_clock(self, tx: Transaction, turn: LeaderLease, held: LeaseRow) -> int | None:
        """The term in which it was done; None where another's turn has begun, and nothing was done."""
        now = self._clock.now()
        number = turn.term if turn.renew(tx) else turn.take(tx, held)
        if number is None:
            return None
        if number != turn.term:
            self._forget()
        engine = self._engine or self._begin(tx, now)
        self._store_past(tx, engine)
        changed = marks.changed(tx)
        if changed != self._changed:
            active, refused = silences.running(tx, now), self.refused(tx)
            self.known = TellingState(active, refused)
            engine.set_silences(active)
            engine.set_acknowledged(alerts.acknowledged(tx))
            engine.set_refused(refused)
            self._changed = changed
            engine.take_all(reader.nodes(tx))
            self._looked_at = now
            self._waiting.clear()
        elif self._waiting:
            engine.take(reader.some(tx, self._waited(now)))
        # Others may store reports as well; what they stored is only seen by looking.
        # A moment to come: the clock was put back.
        if not 0 <= now - self._looked_at < (_ALL_EVERY if self._is_alone(tx, now) else 0):
            engine.take_all(reader.nodes(tx))
            self._looked_at = now
        if (plugs_seen := devices.stamp(tx)) != self._plugs_seen:
            engine.set_plugs(devices.every(tx))
            self._plugs_seen = plugs_seen
        if not 0 <= now - self._baselines_at < _BASELINES_EVERY:
            engine.set_baselines(alerts.baseline(tx, now, engine.machines_since(now - _BASELINES_WITHIN)))
            self._baselines_at = now
        if not 0 <= now - self._validity_at < _VALIDITY_EVERY:
            self._validity_at = now
            engine.set_expiring(self._expiring(now, timedelta(days=self._days_before_expiry())))
        if not 0 <= now - self._forgot_at < _FORGET_EVERY:
            self._forgot_at = now
            alerts.forget(tx, now - in_millis(self._policy.settings.keep))
            crowds.forget(tx)
        self._step(tx, engine)
        return number

    def _days_before_expiry(self) -> float:
        return self._policy.of_site("", Rule.CERTIFICATE_EXPIRY).threshold

    def _store_past(self, tx: Transaction, engine: Engine) -> None:
        pending = list(self._past)
        self._recorded = len(pending)
        for past in pending:
            number = engine.next_id()
            story = tuple(structs.replace(each, incident=number) for each in past.decisions)
            outcome = StepResult(incidents=(structs.replace(past.incident, id=number),), decisions=story)
            self._decision = alerts.save(tx, outcome, self._decision + 1)

    def refused(self, tx: Transaction) -> dict[str, str]:
        """Channels that were refused for good, unless their address has changed since."""
        return {
            name: why for name, (address, why) in outbox.refused(tx).items() if self._addresses.get(name) == address
        }

    def _begin(self, tx: Transaction, now: Millis) -> Engine:
        recent = max(self._policy.flap_within, self._policy.often_within)
        start, (self._decision, self._message) = alerts.start(tx, now, recent)
        self._engine = Engine(self._policy, self._routes, start, link=self._link)
        self._changed = -1
        self._plugs_seen = (-1, -1)
        self._looked_at = self._baselines_at = now
        self._validity_at = 0
        self._left_over = outbox.take_over(tx)
        # An address that was changed since, or taken away, is not refused any more, and the page should not say so.
        for name in outbox.refused(tx).keys() - self.refused(tx).keys():
            outbox.forgive(tx, name)
        return self._engine

    def _step(self, tx: Transaction, engine: Engine) -> None:
        now = self._clock.now()
        outcome = engine.step(ServerFacts(self._heard_from(engine, now), now), now)
        self.check_at, self.stepped_at = outcome.check_at, now
        self._asked.extend(outcome.asked)
        if outcome.is_empty:
            return
        self._decision = alerts.save(tx, outcome, self._decision + 1)
        notifications = outbox.add(tx, outcome.notifications, self._message + 1, now)
        self._message += len(notifications)
        self._notifications += notifications

    def _heard_from(self, engine: Engine, now: Millis) -> Millis | None:
        """Since when nodes are heard without a break. When the clock jumps ahead, or the machine slept, all that was
        said before looks old: nodes have as long to speak as after our own absence."""
        jumped = self._jumps.taken()
        if jumped:
            log.warning("the clock of this machine jumped seconds=%.0f", jumped / 1000)
            self._jumped_at = now if jumped > 0 else 0
        if jumped < 0:
            engine.clock_went_back(now)
        connected_at = self._connected_at()
        return None if connected_at is None else max(connected_at, self._jumped_at)

    def _is_alone(self, tx: Transaction, now: Millis) -> bool:
        return alerts.others(tx, self._name, now - _SEEN_WITHIN) == 0

    def _is_outdone(self, store: Store) -> bool:
        """Without a broker nobody's death is heard of here; another subscriber may have one."""
        if self._connected_at() is not None:
            return False
        since = self._clock.now() - _SEEN_WITHIN
        with store.read() as tx:
            return alerts.others(tx, self._name, since) > 0

    def _take(self) -> list[StoredNotification]:
        notifications, self._notifications = [*self._left_over, *self._notifications], []
        self._left_over = []
        return notifications

    def _lose(self, *, had: bool) -> None:
        if had:
            log.warning("another subscriber drives the alerts now")
        self._forget()
        if self._turn is not None:
            self._turn.lost()

    def _forget(self) -> None:
        self._engine, self._notifications, self._left_over = None, [], []
        self._reported.clear()
        self._waiting.clear()
        self.check_at = None
