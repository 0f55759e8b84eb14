"""Who acts, and by which way; what the audit list says of it."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from alerts.facts import UserRole
from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from rigwatch.topics import NAME_PATTERN
from store import audit
from store.transaction import Transaction

SITES_MAX: Final = 100
_SITE: Final = re.compile(NAME_PATTERN)


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


def check_sites(sites: Collection[str] | None) -> None:
    """Raises `ActError`; a site need not be there yet."""
    if sites is None:
        return
    if not 0 < len(sites) <= SITES_MAX:
        raise ActError(f"sites: should be 1 to {SITES_MAX}")
    for each in sites:
        if not _SITE.fullmatch(each):
            raise ActError(f"sites: {each[:70]!r} cannot be the name of a site; it should be like 'farm-a'")


def sites_of(texts: Iterable[str], role: UserRole) -> dict[str, UserRole] | None:
    """What `farm-a`, `farm-b:admin` say, `role` where none is said; None for no text. Raises `ActError`."""
    found = {}
    for each in filter(None, map(str.strip, texts)):
        site, _, said = each.partition(":")
        if said and said not in tuple(UserRole):
            raise ActError(f"sites: {each[:70]!r} should be like 'farm-a' or 'farm-a:admin'")
        found[site] = UserRole(said) if said else role
    check_sites(found or None)
    return found or None


def reasoned(what: str, why: str) -> str:
    """`what: why`, or `what` alone."""
    return f"{what}: {why}" if why else what
