"""What happened to a node that its chart marks: restarts, and another miner, pool or algorithm."""

from typing import NamedTuple

from msgspec import UNSET

from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store.rows import extra_of
from store.series import LONG, first_of
from store.times import HOUR
from store.transaction import Transaction

MOST = 100

_RESTARTS = """
SELECT at FROM (
    SELECT n + lag AS at, uptime, lag(uptime) OVER (ORDER BY n) AS before FROM sample
    WHERE node_id = ? AND n >= ? AND n + lag >= ? AND n + lag < ? AND uptime IS NOT NULL) u
WHERE uptime < before ORDER BY at DESC LIMIT ?
"""
_NAMES = """
SELECT n + lag, extra FROM sample WHERE node_id = ? AND n >= ? AND n + lag >= ? AND n + lag < ? AND (
    extra LIKE '%%"miner":%%' OR extra LIKE '%%"pool":%%' OR extra LIKE '%%"algorithm":%%') ORDER BY n
"""


class Change(NamedTuple):
    """From `at` on it had another `what`: `miner` (name and version), `pool` or `algorithm`; now `now`."""

    at: Millis
    what: str
    now: str


def restarts(tx: Transaction, node: NodeId, *, since: Millis, until: Millis) -> list[Millis]:
    """Samples whose uptime is below the one before, the latest first; none over more than `LONG`. 1 µs a sample."""
    if until - since > LONG:
        return []
    number, first = first_of(tx, node, since - HOUR)
    found = tx.rows(_RESTARTS, (number, first, since - HOUR, until, MOST))
    return [int(at) for (at,) in found if at >= since]


def changes(tx: Transaction, node: NodeId, *, since: Millis, until: Millis) -> list[Change]:
    """As `restarts`. What a node begins with is no change, and neither is what it does not tell for a while."""
    if until - since > LONG:
        return []
    # Names are told again every hour: what it had before is known by then.
    number, first = first_of(tx, node, since - HOUR)
    had: dict[str, str] = {}
    found = []
    for at, column in tx.rows(_NAMES, (number, first, since - HOUR, until)):
        extra = extra_of(column)
        miner = "" if extra.miner is UNSET or extra.miner is None else f"{extra.miner.name} {extra.miner.version}"
        told = {"miner": miner.strip(), "pool": extra.pool or "", "algorithm": extra.algorithm or ""}
        for what, now in told.items():
            if now and had.setdefault(what, now) != now:
                had[what] = now
                found += [Change(int(at), what, now)] * (at >= since)
    return found[: -MOST - 1 : -1]
