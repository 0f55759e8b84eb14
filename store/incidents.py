"""Incidents as people look for them: lists that can be narrowed and paged, and all that is known of one."""

from collections import Counter
from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from alerts.incident import OVER, Incident, IncidentState
from alerts.rule import Rule, Severity
from rigwatch.clock import Millis
from store import alerts
from store.outbox import DeliveryState
from store.texts import escaped
from store.transaction import Row, Transaction


class IncidentPart(StrEnum):
    """Which incidents by where they stand. The values are those of the page's address and of the API."""

    OPEN = "open"
    PAST = "past"
    # over before they counted: nobody was to be told
    DISMISSED = "dismissed"


class IncidentFilter(Struct, frozen=True):
    """What a list is narrowed to; empty fields narrow nothing. `text` is looked for in sites, nodes, their names and
    hosts. `group` lists the members of one; without it and without a node, host or text a group stands for its members.
    """

    part: IncidentPart = IncidentPart.OPEN
    rule: Rule | None = None
    severity: Severity | None = None
    site: str = ""
    host: str = ""
    node: str = ""
    text: str = ""
    group: int | None = None
    sites: frozenset[str] | None = None
    """Only of these, without what is of no site; None: all. A member of a group that is left out stands for itself."""

    @property
    def shows_members(self) -> bool:
        return bool(self.host or self.node or self.text) or self.group is not None


class IncidentCursor(NamedTuple):
    """Where a page ends: the last incident on it. What follows stays the same whatever begins meanwhile."""

    since: Millis
    id: int


class SentNotification(Struct, frozen=True):
    """A message and what became of it. `error` is the last one; `next_at` when it is tried again, while it waits."""

    id: int
    channel: str
    kind: str
    severity: str
    title: str
    body: str
    progress: DeliveryState
    created_at: Millis
    attempts: int
    attempt_at: Millis | None
    sent_at: Millis | None
    next_at: Millis
    error: str
    incidents: tuple[int, ...]


_STATES = {
    IncidentPart.OPEN: tuple(each.value for each in IncidentState if each not in OVER),
    IncidentPart.PAST: (IncidentState.RESOLVED.value,),
    IncidentPart.DISMISSED: (IncidentState.DISMISSED.value,),
}
_ROWS = "SELECT detail, acknowledged_at, acknowledged_by, acknowledged_why FROM incident"
# The index alone says which rows; only those of the page are read.
_PAGE = f"{_ROWS} WHERE id IN (SELECT id FROM incident i WHERE {{where}} ORDER BY since DESC, id DESC LIMIT ?)"  # noqa: S608 - constants
_COUNT = "SELECT count(*) FROM incident i WHERE {where}"
_ORDERED = " ORDER BY since DESC, id DESC"
_OF_HOST = "(i.site, i.name) IN (SELECT site, node FROM node WHERE host = ?)"
_TEXT = """
((i.scope = 'node' AND (i.site, i.name) IN (
    SELECT site, node FROM node WHERE lower(site || '/' || node) LIKE ? ESCAPE '!' OR lower(name) LIKE ? ESCAPE '!'
        OR lower(host) LIKE ? ESCAPE '!' OR lower(given_name) LIKE ? ESCAPE '!'))
    OR (i.scope <> 'node' AND lower(i.site || '/' || i.name) LIKE ? ESCAPE '!'))
"""
_SENT_COLUMNS = """id, channel, kind, severity, title, body, state, created_at, attempts, attempt_at, sent_at, next_at,
    error, incidents"""
_SENT = f"SELECT {_SENT_COLUMNS} FROM notification WHERE incident_id = ? ORDER BY id LIMIT 1000"  # noqa: S608 - constants
_SENT_WITH_OTHERS = f"""
SELECT {_SENT_COLUMNS} FROM notification WHERE incident_id <> ?
    AND created_at IN (SELECT at FROM decision WHERE incident_id = ? AND what = 'told') ORDER BY id LIMIT 1000
"""  # noqa: S608 - constants
_OPEN_COUNTS = """
SELECT severity, count(*) FROM incident
WHERE live = 1 AND parent_id IS NULL AND state IN ('firing', 'clearing', 'flapping') GROUP BY severity
"""
_COUNTING = f"{_ROWS} WHERE live = 1 AND state IN ('firing', 'clearing', 'flapping') ORDER BY since, id"
_HIDDEN = "SELECT p.id FROM incident p WHERE p.scope <> 'node' AND p.site NOT IN ({})"
_numbers = msgspec.json.Decoder(tuple[int, ...])


def page(
    tx: Transaction, wanted: IncidentFilter, limit: int, *, before: IncidentCursor | None = None
) -> list[Incident]:
    """Newest first, those that began before `before`. Cost: one walk over the index, however deep."""
    where, values = _where(wanted, before)
    rows = tx.rows(_PAGE.format(where=where) + _ORDERED, (*values, limit))
    return alerts.incidents(rows)


def count(tx: Transaction, wanted: IncidentFilter) -> int:
    """Of what is open; of what is past it would be a walk over all of it."""
    where, values = _where(wanted, None)
    return int(tx.value(_COUNT.format(where=where), values))


def open_by_severity(tx: Transaction, sites: frozenset[str] | None = None) -> dict[Severity, int]:
    """How many count now, a group as one; some 0.1 ms while few are open. `sites` as in the filter."""
    if sites is None:
        return {Severity(severity): int(count) for severity, count in tx.rows(_OPEN_COUNTS)}
    seen = [each for each in counting(tx) if each.subject.site in sites]
    groups = {each.id for each in seen}
    return dict(Counter(each.severity for each in seen if each.parent not in groups))


def counting(tx: Transaction) -> list[Incident]:
    """All that count now, groups and their members, the oldest first; some 10 µs each."""
    return alerts.incidents(tx.rows(_COUNTING))


def sent(tx: Transaction, number: int) -> list[SentNotification]:
    """Every message that spoke of it, also those that spoke of others first."""
    others = [each for each in map(_sent, tx.rows(_SENT_WITH_OTHERS, (number, number))) if number in each.incidents]
    return sorted([*map(_sent, tx.rows(_SENT, (number,))), *others], key=lambda each: each.id)


def _where(wanted: IncidentFilter, before: IncidentCursor | None) -> tuple[str, list[object]]:
    states = _STATES[wanted.part]
    clauses = [(f"i.state IN ({', '.join('?' * len(states))})", *states), *_narrowed(wanted)]
    if before is not None:
        clauses.append(("(i.since, i.id) < (?, ?)", *before))
    return " AND ".join(clause for clause, *_ in clauses), [value for _, *values in clauses for value in values]


def _narrowed(wanted: IncidentFilter) -> Iterator[tuple[Any, ...]]:
    """Each clause with its values."""
    if wanted.part is IncidentPart.OPEN:
        yield ("i.live = 1",)
    if wanted.group is not None:
        yield "i.parent_id = ?", wanted.group
    elif not wanted.shows_members:
        # Written so that no database thinks of looking for the NULLs in the index of parents: nearly all are.
        yield from _on_top(wanted.sites)
    if wanted.rule is not None:
        yield "i.rule = ?", wanted.rule.value
    if wanted.severity is not None:
        yield "i.severity = ?", wanted.severity.value
    yield from _placed(wanted)


def _on_top(sites: frozenset[str] | None) -> Iterator[tuple[Any, ...]]:
    if sites is None:
        yield ("coalesce(i.parent_id, 0) = 0",)
    else:
        yield f"(coalesce(i.parent_id, 0) = 0 OR i.parent_id IN ({_HIDDEN.format(_marks(sites))}))", *sites


def _marks(sites: frozenset[str]) -> str:
    # No site at all fits nothing.
    return ", ".join("?" * len(sites)) or "NULL"


def _placed(wanted: IncidentFilter) -> Iterator[tuple[Any, ...]]:
    if wanted.sites is not None:
        yield f"i.site IN ({_marks(wanted.sites)})", *wanted.sites
    if wanted.site:
        yield "i.site = ?", wanted.site
    if wanted.node:
        yield "i.scope = 'node' AND i.name = ?", wanted.node
    if wanted.host:
        yield f"((i.scope = 'host' AND i.name = ?) OR (i.scope = 'node' AND {_OF_HOST}))", wanted.host, wanted.host
    if wanted.text:
        yield _TEXT, *([f"%{escaped(wanted.text.lower())}%"] * 5)


def _sent(row: Row) -> SentNotification:
    number, channel, kind, severity, title, body, state, *rest = row
    created_at, attempts, attempt_at, sent_at, next_at, error, incidents = rest
    return SentNotification(
        number, channel, kind, severity, title, body, DeliveryState(state), created_at, attempts, attempt_at, sent_at,
        next_at, error, _numbers.decode(incidents),
    )  # fmt: skip
