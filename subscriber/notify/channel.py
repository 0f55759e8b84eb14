"""A way to people as the notifier sees it, and what can go wrong with one message. Nothing is sent here."""

from dataclasses import dataclass, field
from typing import Protocol

from alerts.route import Route
from rigwatch.errors import RigwatchError
from rigwatch.settings.alerts import ChannelSettings
from rigwatch.settings.channels import scheme_of
from rigwatch.texts import plain
from store.outbox import StoredNotification

LIMITS = {"tgram": (20, 60.0), "discord": (30, 60.0), "slack": (60, 60.0), "ntfy": (60, 60.0), "mailto": (30, 60.0)}
"""Messages in so many seconds that a kind of channel takes; Telegram: 20 a minute to a group."""
DEFAULT_LIMIT = (120, 60.0)
WHY_MAX = 300


class NotSent(RigwatchError):
    """The message did not go out, as far as anybody knows.

    `permanent`: trying again with the same address cannot help. `text`: it is this text that is refused, others may be
    taken. `retry_after`: seconds the other side asked for. `maybe`: it may have arrived all the same. `partly`: some of
    the addresses in one have it.
    """

    def __init__(
        self,
        why: str,
        *,
        permanent: bool = False,
        text: bool = False,
        retry_after: float = 0.0,
        maybe: bool = False,
        partly: bool = False,
    ) -> None:
        # Others' words, on their way to the log, the store and the pages.
        super().__init__(plain(why, WHY_MAX))
        self.permanent = permanent
        self.text = text
        self.retry_after = retry_after
        self.maybe = maybe
        self.partly = partly


class Sender(Protocol):
    """Called in a thread of its own; returns when the other side has taken it, else raises `NotSent`."""

    def send(self, notification: StoredNotification, *, timeout: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Channel:
    """`address` is a hash of the real one, which is a secret; `rate` messages in `per` seconds at most. `former` is the
    key under which older versions stored its messages.
    """

    key: str
    sender: Sender = field(compare=False)
    route: Route
    address: str
    rate: int
    per: float
    timeout: float
    former: str = ""


def limit_of(url: str, wanted: ChannelSettings) -> tuple[int, float]:
    """The settings' own limit, else that of its kind."""
    if wanted.rate:
        return wanted.rate, wanted.per.total_seconds()
    return LIMITS.get(scheme_of(url), DEFAULT_LIMIT)
