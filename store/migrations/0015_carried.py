"""Which interval a node had with each of its sessions, and its last sample, which counts until the next one comes.

The fleet's minutes of before stay as they were: only from now on does a node count between its samples as well.
"""

import json
import time

from peewee import Database, SqliteDatabase

_NODE = ("tail_at BIGINT", "tail_rate {double}", "tail_until BIGINT", "stray BIGINT NOT NULL DEFAULT 0")
_STRAY = "UPDATE node SET stray = coalesce((SELECT max(abs(s.lag)) FROM sample s WHERE s.node_id = node.id), 0)"
_INTERVAL = """
UPDATE node_change SET interval = (SELECT n.interval FROM node n WHERE n.id = node_change.node_id)
WHERE at >= (SELECT max(c.at) FROM node_change c WHERE c.node_id = node_change.node_id AND c.state = 'online')
"""
_LATEST = "SELECT id, latest, latest_at, interval FROM node WHERE latest IS NOT NULL AND latest_at IS NOT NULL"
_TAIL = "UPDATE node SET tail_at = {0}, tail_rate = {0}, tail_until = {0} WHERE id = {0}"
_BEGIN = "INSERT INTO mark (name, value) VALUES ('carried_from', {})"
_MINUTE = 60_000
_AHEAD = 2_000
_FRESH = 3


def up(_migrator: object, db: Database) -> None:
    is_sqlite = isinstance(db, SqliteDatabase)
    for column in _NODE:
        kind = column.format(double="DOUBLE" if is_sqlite else "DOUBLE PRECISION")
        db.execute_sql(f"ALTER TABLE node ADD COLUMN {kind}")
    db.execute_sql("ALTER TABLE node_change ADD COLUMN interval BIGINT")
    db.execute_sql(_STRAY)
    db.execute_sql(_INTERVAL)
    tail = _TAIL.format("?" if is_sqlite else "%s")
    for number, latest, at, interval in db.execute_sql(_LATEST).fetchall():
        rate = json.loads(latest).get("hashrate")
        whole = None if rate is None else float(round(rate * 1000))
        db.execute_sql(tail, (at, whole, at + _FRESH * interval, number))
    (stored,) = db.execute_sql("SELECT count(*) FROM (SELECT 1 FROM sample LIMIT 1) s").fetchone()
    begin = (time.time_ns() // 1_000_000 + _AHEAD) // _MINUTE if stored else 0
    db.execute_sql(_BEGIN.format(begin))
