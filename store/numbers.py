"""Numbers ahead of their time: a sample that has one makes way for the one whose time has come, and is not lost.

(node, n) tells a sample that comes twice from a new one, and of two with one number the first counts. With a node's key
anybody can send numbers that the node will use tomorrow; without this its own samples would then be acknowledged and
thrown away as known.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis
from store.rows import COLUMNS, StoredSample, from_row, without_names
from store.transaction import Transaction

_STEP: Final = 1000
_ROOM: Final = 64
_NUMBERS = "SELECT n FROM sample WHERE node_id = ? AND n > ? AND n <= ?"
_MOVE = "UPDATE sample SET n = ?, lag = lag + ? WHERE node_id = ? AND n = ?"
_AHEAD = "SELECT n, lag FROM sample WHERE node_id = ? AND n > ? ORDER BY n LIMIT ?"
_HIGHEST = """
UPDATE node SET highest_n = coalesce((SELECT max(s.n) FROM sample s WHERE s.node_id = node.id), 0) WHERE id = ?
"""
_STORED = f"""
SELECT {", ".join(f"s.{name}" for name in COLUMNS)}
FROM {{pairs}} k CROSS JOIN sample s WHERE s.node_id = k.a AND s.n = k.b
"""  # noqa: S608 - constants


def is_ahead(stored: StoredSample, row: StoredSample) -> bool:
    """Whether the stored sample has the number of another, which is taken now, since before that came to its time.

    Of one that comes again the figures are the same, whatever has been put right of its time in between.
    """
    return stored.lag < row.lag - CLOCK_TOLERANCE and _figures(stored) != _figures(row)


def rows_of(tx: Transaction, keys: Collection[tuple[int, int]]) -> list[StoredSample]:
    """The stored samples of these nodes and numbers."""
    return tx.typed(StoredSample, _STORED, (msgspec.json.encode(list(keys)).decode(),)) if keys else []


def renumbered(tx: Transaction, row: StoredSample, taken: Collection[int]) -> StoredSample:
    """The row with a free number, as near below its own time as there is one; `taken` are further ones in use."""
    at = row.n + row.lag
    free = _free(tx, row.node_id, at, taken)
    return row._replace(n=free, lag=at - free)


def move(tx: Transaction, row: StoredSample, taken: Collection[int]) -> int:
    """Gives a stored sample a free number, and tells it."""
    free = renumbered(tx, row, taken).n
    tx.run(_MOVE, (free, row.n - free, row.node_id, row.n))
    return free


def bring_back(tx: Transaction, node: int, now: Millis) -> bool:
    """Numbers ahead of `now` become such as were free when their samples were taken; a step, True with the last one.

    With that the node's highest number is the one of its samples again.
    """
    rows = tx.rows(_AHEAD, (node, now, _STEP))
    free = now + 1
    for n, lag in rows:
        free = _free(tx, node, min(n + lag, free - 1), ())
        tx.run(_MOVE, (free, n - free, node, n))
    if len(rows) == _STEP:
        return False
    tx.run(_HIGHEST, (node,))
    return True


def _free(tx: Transaction, node: int, until: int, taken: Collection[int]) -> int:
    room = _ROOM
    while True:
        used = {n for (n,) in tx.rows(_NUMBERS, (node, until - room, until))}
        used.update(taken)
        for candidate in range(until, until - room, -1):
            if candidate not in used:
                return candidate
        until, room = until - room, room * 2


def _figures(row: StoredSample) -> object:
    """What does not depend on the time of its arrival. Names are in a row only where they changed."""
    return msgspec.structs.replace(without_names(from_row(row)), at=0, last_share_at=None)
