"""Forgetting what is older than is to be kept, in steps so small that a batch never waits long for one."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta

from rigwatch.clock import Millis, in_millis
from store import changes, partitions
from store.engine import StoreEngine
from store.rollups import MINUTES_FROM, Sum
from store.texts import as_json
from store.times import HOUR, MINUTE
from store.transaction import Transaction

RECENT: Millis = 2 * HOUR
"""How far back `node_minute` reaches. A sample older than this costs a walk over its node's samples."""

_ROWS_A_STEP = 1000
# Each costs a walk over all its samples, about 2 ms for a week of them.
_NODES_A_STEP = 5

_OLDEST_HOUR = "SELECT min(hour) FROM node_hour"
_OLDEST_MINUTE = "SELECT min(minute) FROM node_minute"
_LOCK_MARK = f"SELECT n.value FROM mark n WHERE n.name = '{MINUTES_FROM}'{{lock}}"  # noqa: S608 - constants
_SET_MARK = f"UPDATE mark SET value = ? WHERE name = '{MINUTES_FROM}'"  # noqa: S608 - constants
_DELETE_MINUTE = "DELETE FROM node_minute WHERE minute <= ?"
_NODES_AFTER = "SELECT id FROM node WHERE id > ? ORDER BY id LIMIT ?"
_DELETE_SAMPLES = """
DELETE FROM {table} WHERE node_id = ? AND n IN (SELECT n FROM {table} WHERE node_id = ? AND n + lag < ? LIMIT ?)
"""
_ANY_OLD = "SELECT 1 FROM {table} WHERE n + lag < ? LIMIT 1"
_DELETE_FLEET = """
DELETE FROM fleet_minute WHERE minute IN (SELECT minute FROM fleet_minute WHERE minute < ? ORDER BY minute LIMIT ?)
"""
_HOURS_BEFORE = "SELECT hour, node_id FROM node_hour WHERE hour < ? ORDER BY hour, node_id LIMIT ?"
_LOCK_NODES = "SELECT n.id FROM {ids} k CROSS JOIN node n WHERE n.id = k.a ORDER BY n.id{lock}"
_HOURS = """
SELECT h.node_id, h.samples, h.count, h.hashrate, h.peers_count, h.peers
FROM {pairs} k CROSS JOIN node_hour h WHERE h.hour = k.a AND h.node_id = k.b
"""
_DELETE_HOUR = "DELETE FROM node_hour WHERE hour = ? AND node_id = ?"
# A sum of nothing is nothing: what rounding may have left of large figures must not be added to the next.
_SUBTRACT = """
UPDATE node SET kept_samples = kept_samples - ?,
    kept_hashrate = CASE WHEN kept_count = ? THEN 0 ELSE kept_hashrate - ? END, kept_count = kept_count - ?,
    kept_peers = CASE WHEN kept_peers_count = ? THEN 0 ELSE kept_peers - ? END, kept_peers_count = kept_peers_count - ?
WHERE id = ?
"""
_KEPT = "SELECT n.id, n.kept_hashrate FROM {ids} k CROSS JOIN node n WHERE n.id = k.a AND n.kept_count > 0"
_SUM_AGAIN = """
UPDATE node SET kept_hashrate = (SELECT coalesce(sum(hashrate), 0) FROM node_hour WHERE node_id = node.id) WHERE id = ?
"""
# A sum that loses all but so much of itself was dwarfed, and what it had of the rest is rounded away.
_DWARFED = 1e6


def prune(engine: StoreEngine, *, keep: timedelta, now: Millis) -> Iterator[int]:
    """Forgets everything older than the full hour in which `keep` ends; each item is one step, and its rows.

    It can be left at any step: the hours' sums go last, so that what is unfinished is found again.
    """
    first = oldest_kept(keep, now) // HOUR
    yield from partitions.make(engine, keep, now)
    yield from partitions.drop(engine, first * HOUR)
    yield from _prune_minutes(engine, (now - RECENT) // MINUTE)
    with engine.reading() as tx:
        oldest = tx.value(_OLDEST_HOUR)
    if oldest is None or oldest >= first:
        return
    for table in partitions.by_rows(engine):
        yield from _prune_samples(engine, table, first * HOUR)
    yield from _prune_changes(engine, first * HOUR)
    yield from _repeat(engine, _DELETE_FLEET, first * (HOUR // MINUTE))
    yield from _prune_hours(engine, first)


def make_ready(engine: StoreEngine, *, keep: timedelta, now: Millis) -> None:
    """Before much of the past is stored: its partitions are there, and its minutes are not taken for recent ones.

    Forgets nothing but the rows of minutes that every subscriber forgets.
    """
    for _ in partitions.make(engine, keep, now):
        pass
    for _ in _prune_minutes(engine, (now - RECENT) // MINUTE):
        pass


def oldest_kept(keep: timedelta, now: Millis) -> Millis:
    """What was taken before is forgotten by `prune`."""
    return (now - in_millis(keep)) // HOUR * HOUR


def _prune_minutes(engine: StoreEngine, target: int) -> Iterator[int]:
    """One minute a step; `minutes_from` moves in the same transaction, so that no minute is half there."""
    while True:
        with engine.writing() as tx:
            mark = tx.value(_LOCK_MARK)
            if mark >= target:
                return
            oldest = tx.value(_OLDEST_MINUTE)
            last = target - 1 if oldest is None else min(oldest, target - 1)
            deleted = tx.run(_DELETE_MINUTE, (last,))
            tx.run(_SET_MARK, (last + 1,))
        yield deleted


def _prune_changes(engine: StoreEngine, before: Millis) -> Iterator[int]:
    while True:
        with engine.writing() as tx:
            deleted = changes.forget(tx, before, _ROWS_A_STEP)
        if not deleted:
            return
        yield deleted


def _prune_samples(engine: StoreEngine, table: str, before: Millis) -> Iterator[int]:
    with engine.reading() as tx:
        if not tx.rows(_ANY_OLD.replace("{table}", table), (before,)):
            return
    delete, last = _DELETE_SAMPLES.replace("{table}", table), 0
    while True:
        with engine.writing() as tx:
            nodes = [node for (node,) in tx.rows(_NODES_AFTER, (last, _NODES_A_STEP))]
            deleted = 0
            for node in nodes:
                left = _ROWS_A_STEP - deleted
                rows = tx.run(delete, (node, node, before, left))
                deleted += rows
                if rows == left:
                    break
                last = node
        if not nodes:
            return
        yield deleted


def _repeat(engine: StoreEngine, delete: str, before: int) -> Iterator[int]:
    while True:
        with engine.writing() as tx:
            deleted = tx.run(delete, (before, _ROWS_A_STEP))
        if not deleted:
            return
        yield deleted


def _prune_hours(engine: StoreEngine, before: int) -> Iterator[int]:
    while True:
        with engine.writing() as tx:
            keys = tx.rows(_HOURS_BEFORE, (before, _ROWS_A_STEP))
            if not keys:
                return
            _forget_hours(tx, [(hour, node) for hour, node in keys])
        yield len(keys)


def _forget_hours(tx: Transaction, keys: list[tuple[int, int]]) -> None:
    # Nodes first, as ingest does: with them locked, no late sample can change an hour between reading and deleting it.
    tx.rows(_LOCK_NODES, (as_json(sorted({node for _, node in keys})),))
    sums: defaultdict[int, Sum] = defaultdict(Sum)
    for node, *figures in tx.rows(_HOURS, (as_json(keys),)):
        sums[node].merge(Sum(*figures))
    tx.run_many(_DELETE_HOUR, keys)
    tx.run_many(
        _SUBTRACT,
        [
            (s.samples, s.count, s.hashrate, s.count, s.peers_count, s.peers, s.peers_count, node)
            for node, s in sorted(sums.items())
        ],
    )
    _mend(tx, {node: s.hashrate for node, s in sums.items()})


def _mend(tx: Transaction, forgotten: dict[int, float]) -> None:
    """Sums up anew what one absurd sample (10^22 H/s, say) has spoilt; a walk over all hours, and hardly ever done."""
    for node, kept in tx.rows(_KEPT, (as_json(sorted(forgotten)),)):
        if kept * _DWARFED < forgotten[node]:
            tx.run(_SUM_AGAIN, (node,))
