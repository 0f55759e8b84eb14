"""Who acts, and by which way; what the audit list says of it."""

from dataclasses import dataclass
from enum import StrEnum

from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from store import audit
from store.transaction import Transaction


class ActError(RigwatchError):
    """What was asked for cannot be, whatever is stored; the text says what would be right."""

    exit_code = 2


class Way(StrEnum):
    """How an act came here; the value is what the audit list calls it."""

    PAGE = "page"
    API = "API"
    CLI = "command line"
    TELEGRAM = "Telegram"
    CODE = "one-time code"


@dataclass(frozen=True, slots=True)
class Actor:
    """`name` is a dashboard user, `token:NAME`, a user of the machine, the address of a rig with a code, or whatever
    somebody calls himself in a chat.

    `origin` is what cannot be chosen there: the numbers of person and chat.
    """

    name: str
    way: Way
    origin: str = ""

    @property
    def who(self) -> str:
        """In the audit list."""
        return self.name if self.way is Way.PAGE else f"{self.name} ({self.way})"

    @property
    def signature(self) -> str:
        """Beside what was done: a name out of a chat is nobody's until it is said to be from there."""
        return self.who if self.way is Way.TELEGRAM else self.name

    def note(self, tx: Transaction, now: Millis, action: str, subject: object, *, detail: str = "") -> None:
        """The act's one line, in the transaction of the act. Never give it a secret."""
        origin = f"from {self.way}: {self.origin}" if self.origin else ""
        detail = ", ".join(filter(None, (detail, origin)))
        audit.record(tx, who=self.who, action=action, subject=str(subject), detail=detail, now=now)


def reasoned(what: str, why: str) -> str:
    """`what: why`, or `what` alone."""
    return f"{what}: {why}" if why else what
