"""What one node may leave in the tables of alerts: its latest past incidents, and the latest lines of each story.

A node that comes and goes on purpose, for weeks, would otherwise fill them for as long as incidents are kept.
"""

from typing import Final

import msgspec

from store.transaction import Transaction

INCIDENTS_MAX: Final = 1000
"""Past incidents of one node. One that is in trouble three times a day for the three months that are kept has 270."""

LINES_MAX: Final = 500
"""Decisions of one incident."""

_STEP: Final = 500
_CROWDED = """
SELECT site, name FROM incident WHERE scope = 'node' AND live = 0 GROUP BY site, name HAVING count(*) > ?
"""
_OLDEST = """
SELECT id FROM incident WHERE scope = 'node' AND live = 0 AND site = ? AND name = ? ORDER BY id DESC LIMIT ? OFFSET ?
"""
_FORGET = (
    "DELETE FROM decision WHERE incident_id IN (SELECT k.a FROM {ids} k)",
    "DELETE FROM notification WHERE state IN ('sent', 'failed') AND incident_id IN (SELECT k.a FROM {ids} k)",
    "DELETE FROM incident WHERE id IN (SELECT k.a FROM {ids} k)",
)
_LONG = "SELECT incident_id FROM decision GROUP BY incident_id HAVING count(*) > ?"
_FORGET_LINES = """
DELETE FROM decision WHERE id IN (SELECT id FROM decision WHERE incident_id = ? ORDER BY id DESC LIMIT ? OFFSET ?)
"""


def forget(tx: Transaction) -> int:
    """What is more than that, the oldest first, in steps; how many incidents and lines went."""
    gone = 0
    for site, name in tx.rows(_CROWDED, (INCIDENTS_MAX,)):
        ids = [number for (number,) in tx.rows(_OLDEST, (site, name, _STEP, INCIDENTS_MAX))]
        for sql in _FORGET:
            tx.run(sql, (msgspec.json.encode(ids).decode(),))
        gone += len(ids)
    for (incident,) in tx.rows(_LONG, (LINES_MAX,)):
        gone += tx.run(_FORGET_LINES, (incident, _STEP, LINES_MAX))
    return gone
