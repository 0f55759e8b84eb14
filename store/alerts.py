"""Incidents, decisions, histories of nodes as rows: what the engine starts from, and what each of its steps leaves."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from types import MappingProxyType

import msgspec
from msgspec.structs import replace

from alerts.book import Decision
from alerts.engine import Start, StepResult
from alerts.incident import Acknowledged, Incident
from alerts.node_history import CardHistory, NodeHistory
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store import marks, reader, silences
from store.texts import as_json, storable
from store.times import HOUR
from store.transaction import Row, Transaction

BASELINE_HOURS = 24
"""How far back a node's usual hashrate is looked for."""
BASELINE_LEAST = 3
"""Fewer full hours than this say nothing about what is usual."""

_LIVE = "SELECT detail, acknowledged_at, acknowledged_by, acknowledged_why FROM incident WHERE live = 1"
_CHILDREN = """
SELECT c.detail, c.acknowledged_at, c.acknowledged_by, c.acknowledged_why
FROM incident p JOIN incident c ON c.parent_id = p.id WHERE p.live = 1 AND c.live = 0
"""
_RECENT = """
SELECT detail, NULL, NULL, NULL FROM incident
WHERE live = 0 AND since > ? AND resolved_at > ? AND state IN ('resolved', 'dismissed') AND scope = 'node' ORDER BY id
"""
_ACKNOWLEDGED = """
SELECT id, acknowledged_at, acknowledged_by, acknowledged_why FROM incident
WHERE live = 1 AND acknowledged_at IS NOT NULL
"""
_SAVE = """
INSERT INTO incident (id, rule, scope, site, name, state, severity, since, resolved_at, parent_id, live, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET state = excluded.state, severity = excluded.severity, since = excluded.since,
    resolved_at = excluded.resolved_at, parent_id = excluded.parent_id, live = excluded.live, detail = excluded.detail
"""
_SAVE_DECISION = "INSERT INTO decision (id, incident_id, at, what, why) VALUES (?, ?, ?, ?, ?)"
_SAVE_HISTORY = """
INSERT INTO trail (node_id, detail)
SELECT node.id, {detail} {from} CROSS JOIN node WHERE node.site = {site} AND node.node = {node}
ON CONFLICT (node_id) DO UPDATE SET detail = excluded.detail
"""
_HISTORY_COLUMNS = (("site", "text"), ("node", "text"), ("detail", "text"))
_HISTORIES = "SELECT n.site, n.node, t.detail FROM trail t JOIN node n ON n.id = t.node_id"
_HISTORY_OF = f"{_HISTORIES} WHERE n.site = ? AND n.node = ?"
_NUMBERS = """
SELECT (SELECT coalesce(max(id), 0) FROM incident), (SELECT coalesce(max(id), 0) FROM decision),
       (SELECT coalesce(max(id), 0) FROM notification)
"""
_BASELINE = """
SELECT n.site, n.node, h.hashrate / h.count, h.hour FROM node_hour h JOIN node n ON n.id = h.node_id
WHERE h.hour >= ? AND h.hour < ? AND h.count > 0
"""
_OTHERS = "SELECT count(*) FROM heartbeat WHERE name <> ? AND beat_at > ? AND connected_at IS NOT NULL"
_STORY = "SELECT incident_id, at, what, why FROM decision WHERE incident_id = ? ORDER BY id"
_ONE = "SELECT detail, acknowledged_at, acknowledged_by, acknowledged_why FROM incident WHERE id = ?"
_ACKNOWLEDGE = """
UPDATE incident SET acknowledged_at = ?, acknowledged_by = ?, acknowledged_why = ?
WHERE id = ? AND live = 1 AND acknowledged_at IS NULL
"""
_FORGET = """
DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE live = 0 AND since < ? ORDER BY since LIMIT ?)
"""
_FORGET_DECISIONS = "DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE at < ? ORDER BY id LIMIT ?)"
_FORGET_SILENCES = """
DELETE FROM silence WHERE id IN (SELECT id FROM silence WHERE ends_at < ? ORDER BY ends_at LIMIT ?)
"""
_FORGET_MESSAGES = """
DELETE FROM notification WHERE id IN
    (SELECT id FROM notification WHERE created_at < ? AND state IN ('sent', 'failed') ORDER BY id LIMIT ?)
"""

touch = marks.touch
"""Tells the engine that people have changed something."""

_incident = msgspec.json.Decoder(Incident)
_history = msgspec.json.Decoder(NodeHistory)


class _Cards(msgspec.Struct, frozen=True):
    """Of a history only these: a fifth of the cost."""

    cards: tuple[CardHistory, ...] = ()


_cards = msgspec.json.Decoder(_Cards)


def start(tx: Transaction, now: Millis, recent: Millis) -> tuple[Start, tuple[int, int]]:
    """All that an engine needs to go on where the last one was, and the last numbers of decisions and messages.

    What ended within the `recent` ms may be flapping.
    """
    ((last_incident, last_decision, last_notification),) = tx.rows(_NUMBERS)
    histories = {NodeId(site, node): _history_of(detail) for site, node, detail in tx.rows(_HISTORIES)}
    begin = Start(
        nodes=reader.nodes(tx),
        histories=histories,
        incidents=[*incidents(tx.rows(_LIVE)), *incidents(tx.rows(_CHILDREN))],
        recent=incidents(tx.rows(_RECENT, (now - 30 * recent, now - recent))),
        silences=silences.running(tx, now),
        baseline=baseline(
            tx, now, {node: history.machine_at for node, history in histories.items() if history.machine_at}
        ),
        next_id=last_incident + 1,
    )
    return begin, (last_decision, last_notification)


def save(tx: Transaction, outcome: StepResult, next_decision: int) -> int:
    """Everything of a step but its messages; returns the number of the last decision."""
    # Nearly every report moves a history, which nobody looks at.
    if outcome.incidents or outcome.decisions or outcome.notifications:
        marks.told(tx)
    tx.run_many(_SAVE, [_row(each) for each in outcome.incidents])
    histories = [(node.site, node.node, as_json(history)) for node, history in outcome.histories]
    tx.run_rows(_SAVE_HISTORY, _HISTORY_COLUMNS, histories)
    decisions = [_decision(each, number) for number, each in enumerate(outcome.decisions, next_decision)]
    tx.run_many(_SAVE_DECISION, decisions)
    return next_decision + len(decisions) - 1


def cards(tx: Transaction) -> dict[NodeId, tuple[CardHistory, ...]]:
    """Each node's, those included that cannot be read at the moment, or are away for less than a day."""
    return {NodeId(site, node): _cards_of(detail) for site, node, detail in tx.rows(_HISTORIES)}


def cards_of(tx: Transaction, node: NodeId) -> tuple[CardHistory, ...]:
    """As `cards`, of one node."""
    return next((_cards_of(detail) for _, _, detail in tx.rows(_HISTORY_OF, (node.site, node.node))), ())


def add_decision(tx: Transaction, decision: Decision, number: int) -> None:
    """For what happens outside of a step: a message that was sent, or was not."""
    tx.run_many(_SAVE_DECISION, [_decision(decision, number)])
    marks.told(tx)


def baseline(
    tx: Transaction, now: Millis, machines: Mapping[NodeId, Millis] = MappingProxyType({})
) -> dict[NodeId, float]:
    """Each node's median over the hourly means of the last day (H/s), the running hour left out.

    `machines` says from when on a node is the machine that it is now.
    """
    since = {(node.site, node.node): at // HOUR for node, at in machines.items()}
    rates: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
    for site, node, rate, hour in tx.rows(_BASELINE, (now // HOUR - BASELINE_HOURS, now // HOUR)):
        if hour > since.get((site, node), -1):
            rates[site, node].append(rate / 1000)
    return {NodeId(*name): median(known) for name, known in rates.items() if len(known) >= BASELINE_LEAST}


def acknowledged(tx: Transaction) -> dict[int, Acknowledged]:
    """Of the incidents that are open."""
    return {number: Acknowledged(at, by, why) for number, at, by, why in tx.rows(_ACKNOWLEDGED)}


def acknowledge(tx: Transaction, number: int, ack: Acknowledged) -> bool:
    """Whether it was open and not acknowledged yet."""
    changed = tx.run(_ACKNOWLEDGE, (ack.at, ack.by, ack.why, number)) == 1
    if changed:
        marks.touch(tx)
    return changed


def others(tx: Transaction, name: str, since: Millis) -> int:
    """How many subscribers beside this one gave a sign of life and have a broker."""
    return int(tx.value(_OTHERS, (name, since)))


def live(tx: Transaction) -> list[Incident]:
    """Those that are open, or whose end people must still be told."""
    return incidents(tx.rows(_LIVE))


def one(tx: Transaction, number: int) -> Incident | None:
    found = incidents(tx.rows(_ONE, (number,)))
    return found[0] if found else None


def story(tx: Transaction, number: int) -> list[Decision]:
    """What was decided about an incident, in order."""
    return [Decision(*row) for row in tx.rows(_STORY, (number,))]


def forget(tx: Transaction, before: Millis, limit: int = 500) -> int:
    """Rows of what is long over; how many went."""
    forgotten = (_FORGET, _FORGET_DECISIONS, _FORGET_MESSAGES, _FORGET_SILENCES)
    return sum(tx.run(sql, (before, limit)) for sql in forgotten)


def incidents(rows: Sequence[Row]) -> list[Incident]:
    found = []
    for detail, at, by, why in rows:
        incident = _incident.decode(detail)
        found.append(incident if at is None else replace(incident, acknowledged=Acknowledged(at, by, why or "")))
    return found


def _decision(decision: Decision, number: int) -> Row:
    return (number, decision.incident, decision.at, decision.what, storable(decision.why, 1000))


# What another version wrote and this one cannot read is learned anew.
def _history_of(detail: str) -> NodeHistory:
    try:
        return _history.decode(detail)
    except msgspec.DecodeError:
        return NodeHistory()


def _cards_of(detail: str) -> tuple[CardHistory, ...]:
    try:
        return _cards.decode(detail).cards
    except msgspec.DecodeError:
        return ()


def _row(incident: Incident) -> Row:
    scope, site, name = incident.subject
    live = int(incident.is_open or incident.owes is not None)
    detail = as_json(replace(incident, acknowledged=None))
    return (
        incident.id,
        incident.rule.value,
        scope.value,
        site,
        name,
        incident.state.value,
        incident.severity.value,
        incident.since,
        incident.resolved_at,
        incident.parent,
        live,
        detail,
    )
