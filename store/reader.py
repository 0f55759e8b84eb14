"""What the store answers: the nodes, the three tables of the page, and one node's history."""

from collections.abc import Iterable
from functools import lru_cache
from operator import itemgetter
from typing import NamedTuple

import msgspec

from alerts.facts import Average, MinuteTotal, NodeFacts, ServerFacts
from alerts.quota import DayUse
from rigwatch.clock import Millis, as_interval
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from store.carried import Steps, open_spans
from store.rows import COLUMNS, Names, StoredSample, from_row
from store.times import HOUR, MINUTE
from store.transaction import Row, Transaction


class _NodeRow(NamedTuple):
    """What is shown of a node, as it is stored: times in ms, `tags`, `sources` and `latest` as JSON."""

    site: str
    node: str
    name: str
    host: str
    version: str
    tags: str
    sources: str
    interval: Millis
    state: str | None
    state_at: Millis | None
    reason: str
    session: int
    enrolled_at: Millis | None
    first_seen_at: Millis | None
    last_report_at: Millis | None
    clock_offset: int | None
    latest: str | None
    given_name: str | None
    given_tags: str | None
    born_at: Millis | None
    day: int
    day_samples: int
    day_bytes: int
    day_refused: int
    contested_at: Millis | None
    contest: str


NODE_COLUMNS = _NodeRow._fields
"""Those of a row that `facts_of` takes."""
_NODES = f"SELECT {', '.join(_NodeRow._fields)} FROM node WHERE retired_at IS NULL"  # noqa: S608 - constants
_SOME = f"""
SELECT {", ".join(f"n.{name}" for name in _NodeRow._fields)}
FROM {{names}} k CROSS JOIN node n WHERE n.site = k.a AND n.node = k.b AND n.retired_at IS NULL
"""  # noqa: S608 - constants
# Of sessions only the last digits: a thousand of the largest there may be are more than SQLite adds up.
_STAMP = """
SELECT count(*), coalesce(sum(session - session / 1000000 * 1000000), 0), coalesce(sum(state_at), 0),
       coalesce(sum(last_report_at), 0), coalesce(sum(kept_samples), 0),
       coalesce(sum(CASE state WHEN 'online' THEN 1 WHEN 'lost' THEN 2 ELSE 4 END), 0),
       (SELECT value FROM mark WHERE name = 'alerts_changed'),
       (SELECT value FROM mark WHERE name = 'incidents_changed')
FROM node WHERE retired_at IS NULL
"""
_SERVER = """
SELECT min(connected_at), max(beat_at) FROM heartbeat WHERE connected_at IS NOT NULL
    AND beat_at > (SELECT max(beat_at) FROM heartbeat WHERE connected_at IS NOT NULL) - 10000
"""
_LAST_BEAT = "SELECT max(beat_at) FROM heartbeat"
# Each its own look at one end of the key; asked for together, SQLite would read the whole table.
_HOURS = "SELECT (SELECT min(hour) FROM node_hour), (SELECT max(hour) FROM node_hour)"
_SUMS = """
SELECT n.site, n.node, h.count, h.hashrate, h.peers_count, h.peers
FROM (SELECT node_id, sum(count) AS count, sum(hashrate) AS hashrate, sum(peers_count) AS peers_count,
             sum(peers) AS peers
      FROM node_hour WHERE hour >= ? GROUP BY node_id) h JOIN node n ON n.id = h.node_id
"""
_KEPT_WITHOUT = """
SELECT n.site, n.node, n.kept_count - coalesce(h.count, 0), n.kept_hashrate - coalesce(h.hashrate, 0),
       n.kept_peers_count - coalesce(h.peers_count, 0), n.kept_peers - coalesce(h.peers, 0)
FROM node n LEFT JOIN (
    SELECT node_id, sum(count) AS count, sum(hashrate) AS hashrate, sum(peers_count) AS peers_count,
           sum(peers) AS peers, sum(samples) AS samples
    FROM node_hour WHERE hour < ? GROUP BY node_id) h ON h.node_id = n.id
WHERE n.kept_samples > coalesce(h.samples, 0)
"""
_SUMS_OF = """
SELECT n.site, n.node, sum(h.count), sum(h.hashrate), sum(h.peers_count), sum(h.peers), sum(h.samples)
FROM {names} k CROSS JOIN node n CROSS JOIN {ids} t CROSS JOIN node_hour h
WHERE n.site = k.a AND n.node = k.b AND h.hour = t.a AND h.node_id = n.id GROUP BY n.site, n.node
"""
_KEPT_OF = """
SELECT n.site, n.node, n.kept_count, n.kept_hashrate, n.kept_peers_count, n.kept_peers, n.kept_samples
FROM {names} k CROSS JOIN node n WHERE n.site = k.a AND n.node = k.b AND n.kept_samples > 0
"""
_TOTALS = """
SELECT minute, hashrate, nodes FROM fleet_minute WHERE minute <= ? AND nodes > 0 ORDER BY minute DESC LIMIT ?
"""
_SAMPLES = f"""
SELECT {", ".join(COLUMNS)} FROM sample WHERE node_id = (SELECT id FROM node WHERE site = ? AND node = ?)
    AND n + lag >= ? AND n + lag < ? ORDER BY n
"""  # noqa: S608 - constants
_SAMPLES_BY_HOUR = """
SELECT h.hour, sum(h.samples) FROM node_hour h JOIN node n ON n.id = h.node_id
WHERE h.hour >= ? AND (? = '' OR n.site = ?) AND (? = '' OR n.node = ?) GROUP BY h.hour
"""
_SAMPLES_AFTER = f"""
SELECT {", ".join(COLUMNS)} FROM sample WHERE node_id = (SELECT id FROM node WHERE site = ? AND node = ?)
    AND n > ? AND n + lag >= ? ORDER BY n LIMIT ?
"""  # noqa: S608 - constants
_EXTRAS = """
SELECT extra FROM sample WHERE node_id = (SELECT id FROM node WHERE site = ? AND node = ?)
    AND n >= ? AND n < ? AND extra IS NOT NULL ORDER BY n
"""
SLICE = 1000
"""Samples a slice: large enough that asking costs little, small enough that memory does not matter."""

# Names in the store were valid when they were stored; a page of a thousand nodes need not check them again each time.
node_id = lru_cache(maxsize=65_536)(NodeId)
_BY_NAME = itemgetter(_NodeRow._fields.index("site"), _NodeRow._fields.index("node"))
words = msgspec.json.Decoder(tuple[str, ...]).decode
_latest = msgspec.json.Decoder(Sample)


def nodes(tx: Transaction) -> list[NodeFacts]:
    # Sorted here: PostgreSQL's order of names depends on the locale it was set up with.
    return [_node(row) for row in sorted(tx.rows(_NODES), key=_BY_NAME)]


def node_rows(tx: Transaction) -> list[Row]:
    """What `facts_of` takes, of every node that is shown."""
    return tx.rows(_NODES)


def some(tx: Transaction, nodes: Iterable[NodeId]) -> list[NodeFacts]:
    """Only these, in no order."""
    names = msgspec.json.encode([(node.site, node.node) for node in nodes]).decode()
    return [_node(row) for row in tx.rows(_SOME, (names,))]


def stamp(tx: Transaction) -> tuple[int, ...]:
    """Sums that differ after any birth, will, goodbye, report, enrolment, forgotten hour, or news of an incident."""
    # PostgreSQL sums a bigint to a numeric.
    return tuple(map(int, tx.rows(_STAMP)[0]))


def server(tx: Transaction) -> ServerFacts:
    """Of several subscribers the one that has had a broker for the longest, of those that are alive now.

    What came while it had one has reached the store, be it through another.
    """
    facts = ServerFacts(*tx.rows(_SERVER)[0])
    return facts if facts.connected_at is not None else ServerFacts(None, tx.value(_LAST_BEAT))


def averages(tx: Transaction, since: Millis) -> dict[NodeId, Average]:
    """From the full hour that holds `since`; nodes without a sample since then are left out.

    The node's running sums cover everything kept, so what is summed here is the shorter of the hours before `since`
    and the hours after it: for the page, which asks for all that is kept, none or one a node.
    """
    first = since // HOUR
    oldest, newest = tx.rows(_HOURS)[0]
    if oldest is None:
        return {}
    before, after = first - oldest, newest - first
    rows = tx.rows(_KEPT_WITHOUT if before <= after else _SUMS, (first,))
    return {node_id(site, node): _average(*sums) for site, node, *sums in rows}


def averages_of(tx: Transaction, nodes: Iterable[NodeId], since: Millis) -> dict[NodeId, Average]:
    """As `averages`, of these alone: some 50 µs a node, however many others there are."""
    first = since // HOUR
    oldest, newest = tx.rows(_HOURS)[0]
    if oldest is None:
        return {}
    names = msgspec.json.encode([(node.site, node.node) for node in nodes]).decode()
    is_short = first - oldest <= newest - first
    hours = range(oldest, first) if is_short else range(first, newest + 1)
    listed = msgspec.json.encode(list(hours)).decode()
    sums = {(site, node): of for site, node, *of in tx.rows(_SUMS_OF, (names, listed))}
    if is_short:
        kept = {(site, node): of for site, node, *of in tx.rows(_KEPT_OF, (names,))}
        nothing = (0,) * 5
        sums = {
            name: [all_kept - before for all_kept, before in zip(of, sums.get(name, nothing), strict=True)]
            for name, of in kept.items()
        }
    return {node_id(site, node): _average(*of[:4]) for (site, node), of in sums.items() if of[4] > 0}


def totals(tx: Transaction, minutes: int, now: Millis) -> list[MinuteTotal]:
    """The last minutes up to `now` in which any node had a hashrate, newest first; the first may be still running."""
    running = now // MINUTE
    found = {minute: (rate, nodes) for minute, rate, nodes in tx.rows(_TOTALS, (running, minutes))}
    steps = Steps()
    for span in open_spans(tx):
        # No more than so many of one span can be among the last.
        last = min(span.last, running)
        steps.add(span._replace(first=max(span.first, last - minutes + 1), last=last))
    for minute, rate, nodes in steps.minutes():
        stored_rate, stored_nodes = found.get(minute, (0, 0))
        found[minute] = stored_rate + rate, stored_nodes + nodes
    latest = sorted(found.items(), reverse=True)[:minutes]
    return [MinuteTotal(minute * MINUTE, rate / 1000, nodes) for minute, (rate, nodes) in latest]


def samples(tx: Transaction, node: NodeId, *, since: Millis, until: Millis) -> list[Sample]:
    """One node's samples from `since` until just before `until`, by `n`. Cost: one walk over all the node's samples."""
    return [from_row(row) for row in tx.typed(StoredSample, _SAMPLES, (node.site, node.node, since, until))]


def samples_by_hour(tx: Transaction, since: Millis, *, site: str = "", node: str = "") -> dict[int, int]:
    """How many there are in each hour since 1970, of all nodes, or of one site's, or of one node; from the full hour
    that holds `since`. Cost: a walk over the hours' sums of all nodes."""
    rows = tx.rows(_SAMPLES_BY_HOUR, (since // HOUR, site, site, node, node))
    return {hour: int(samples) for hour, samples in rows}


def samples_after(tx: Transaction, node: NodeId, after: int, *, since: Millis) -> list[Sample]:
    """The next slice of one node's samples: those with an `n` above `after`, taken at `since` or later, by `n`.

    Each with its miner, pool and algorithm, which the rows have only where they changed and once an hour.
    """
    rows = tx.typed(StoredSample, _SAMPLES_AFTER, (node.site, node.node, after, since, SLICE))
    names = Names()
    if rows:
        first = rows[0].n
        for (extra,) in tx.rows(_EXTRAS, (node.site, node.node, first // HOUR * HOUR, first)):
            names.pass_by(extra)
    return [names.sample(row) for row in rows]


# Rows of nodes that did not change between two looks: half the price of reading a thousand. Some 3 kB each.
@lru_cache(maxsize=4096)
def _node(row: Row) -> NodeFacts:
    return facts_of(row)


def facts_of(row: Row) -> NodeFacts:
    """Of a row with `NODE_COLUMNS`; about 20 µs."""
    node = tuple.__new__(_NodeRow, row)
    return NodeFacts(
        id=node_id(node.site, node.node),
        name=node.name,
        host=node.host,
        version=node.version,
        tags=merged(words(node.tags), node.given_tags),
        sources=words(node.sources),
        interval=as_interval(node.interval),
        state=None if node.state is None else NodeState(node.state),
        state_at=node.state_at,
        reason=node.reason,
        session=node.session,
        enrolled_at=node.enrolled_at,
        first_seen_at=node.first_seen_at,
        last_report_at=node.last_report_at,
        clock_offset=node.clock_offset,
        sample=None if node.latest is None else _latest.decode(node.latest),
        given=node.given_name or "",
        born_at=node.born_at,
        today=DayUse(node.day, node.day_samples, node.day_bytes, node.day_refused),
        contested_at=node.contested_at,
        contest=node.contest,
    )


def merged(own: tuple[str, ...], given: str | None) -> tuple[str, ...]:
    """A node's own tags and those it was given (JSON), once each, in order."""
    return own if given is None else tuple(dict.fromkeys(own + words(given)))


def _average(count: int, hashrate: float, peers_count: int, peers: float) -> Average:
    return Average(
        hashrate_mean=hashrate / count / 1000 if count else None,
        peers_mean=float(peers / peers_count) if peers_count else None,
        samples=int(count),
    )
