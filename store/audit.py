"""The list of changes that people made: added to in the transaction of the change itself, read newest first."""

from dataclasses import dataclass

from rigwatch.clock import Millis
from store.texts import escaped
from store.transaction import Row, Transaction

_ADD = "INSERT INTO audit (at, who, action, subject, detail) VALUES (?, ?, ?, ?, ?)"
_PAGE = """
SELECT id, at, who, action, subject, detail FROM audit
WHERE id < ? AND (? = '' OR who = ? OR who LIKE ? ESCAPE '!') AND (? = '' OR action LIKE ?)
    AND (? = '' OR lower(subject) LIKE ? ESCAPE '!' OR lower(detail) LIKE ? ESCAPE '!')
ORDER BY id DESC LIMIT ?
"""
_NEWEST = 2**63 - 1
_TEXT_MAX = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A change that was made. `action` is `what.verb`, such as `node.rename`; `who` is a dashboard user, `token:NAME`,
    or, by another way than the pages, `NAME (API)`, `NAME (command line)`, `NAME (Telegram)`."""

    number: int
    at: Millis
    who: str
    action: str
    subject: str
    detail: str


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which entries: of one name by whatever way, of one kind of action (`node`), with a text in subject or detail;
    empty = all."""

    who: str = ""
    kind: str = ""
    text: str = ""


def record(tx: Transaction, *, who: str, action: str, subject: str, detail: str = "", now: Millis) -> None:
    """One entry, in the transaction of `tx`: if the change is undone, so is this. Never give it a secret."""
    # Names and reasons are whatever people typed; PostgreSQL has no NUL in a text.
    texts = [each.replace("\0", "")[:_TEXT_MAX] for each in (who, action, subject, detail)]
    tx.run(_ADD, (now, *texts))


def page(tx: Transaction, wanted: AuditFilter, limit: int, *, before: int | None = None) -> list[AuditEntry]:
    """The newest entries with a number below `before`."""
    like = f"%{escaped(wanted.text.lower())}%"
    rows = tx.rows(
        _PAGE,
        (
            _NEWEST if before is None else before,
            *(wanted.who, wanted.who, f"{escaped(wanted.who)} (%)"),
            *(wanted.kind, f"{wanted.kind}.%"),
            *(wanted.text, like, like),
            limit,
        ),
    )
    return [_entry(row) for row in rows]


def _entry(row: Row) -> AuditEntry:
    return AuditEntry(*row)
