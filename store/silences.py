"""Silences and maintenance as rows; people write them, the engine reads them at its next look."""

import msgspec

from alerts.silence import Matcher, Silence, SilenceKind
from rigwatch.clock import Millis
from store import marks
from store.transaction import Row, Transaction

_COLUMNS = "id, kind, matcher, starts_at, ends_at, by, why, created_at, every, lasts, ended_by"
_RUNNING = f"SELECT {_COLUMNS} FROM silence WHERE ends_at > ? ORDER BY id"  # noqa: S608 - constants
_ONE = f"SELECT {_COLUMNS} FROM silence WHERE id = ?"  # noqa: S608 - constants
_ENDED = f"SELECT {_COLUMNS} FROM silence WHERE ends_at <= ? ORDER BY ends_at DESC, id DESC LIMIT ?"  # noqa: S608 - constants
_DURING = f"""
SELECT {_COLUMNS} FROM silence WHERE ends_at > ? AND starts_at < ? ORDER BY id LIMIT 1000
"""  # noqa: S608 - constants
_ADD = """
INSERT INTO silence (kind, matcher, starts_at, ends_at, every, lasts, by, why, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_END = "UPDATE silence SET ends_at = ?, ended_by = ? WHERE id = ? AND ends_at > ?"
_matcher = msgspec.json.Decoder(Matcher)


def one(tx: Transaction, number: int) -> Silence | None:
    rows = tx.rows(_ONE, (number,))
    return _silence(rows[0]) if rows else None


def running(tx: Transaction, now: Millis) -> tuple[Silence, ...]:
    """Those that are not over, also those that have not begun."""
    return tuple(_silence(row) for row in tx.rows(_RUNNING, (now,)))


def ended(tx: Transaction, now: Millis, limit: int) -> tuple[Silence, ...]:
    """Those that are over, the latest end first."""
    return tuple(_silence(row) for row in tx.rows(_ENDED, (now, limit)))


def during(tx: Transaction, since: Millis, until: Millis) -> tuple[Silence, ...]:
    """Those that may have kept something quiet between two moments."""
    return tuple(_silence(row) for row in tx.rows(_DURING, (since, until)))


def add(tx: Transaction, silence: Silence) -> int:
    """Its number; that of `silence` is not looked at. Takes effect at the engine's next look, within a second."""
    marks.touch(tx)
    matcher = msgspec.json.encode(silence.matcher).decode()
    times = (silence.starts_at, silence.ends_at, silence.every, silence.lasts)
    rows = tx.rows(_ADD, (silence.kind.value, matcher, *times, silence.by, silence.why, silence.created_at))
    return int(rows[0][0])


def end(tx: Transaction, number: int, *, by: str, now: Millis) -> bool:
    """Whether it was not over yet, and is now; it stays for the record."""
    ended = tx.run(_END, (now, by, number, now)) == 1
    if ended:
        marks.touch(tx)
    return ended


def _silence(row: Row) -> Silence:
    number, kind, matcher, *rest = row
    starts_at, ends_at, by, why, created_at, every, lasts, ended_by = rest
    about = _matcher.decode(matcher)
    return Silence(
        number, SilenceKind(kind), about, starts_at, ends_at, by, why, created_at, every, lasts, ended_by or ""
    )
