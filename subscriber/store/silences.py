"""Silences and maintenance as rows; people write them, the engine reads them."""

import msgspec

from rigwatch.clock import Millis
from rigwatch.errors import StoreError
from subscriber.alerts.mute import Matcher, Mute, MuteKind
from subscriber.store.work import Row, Work

_COLUMNS = "id, kind, matcher, starts_at, ends_at, by, why, created_at, every, lasts"
_RUNNING = f"SELECT {_COLUMNS} FROM silence WHERE ends_at > ? ORDER BY id"  # noqa: S608 - constants
_ADD = """
INSERT INTO silence (kind, matcher, starts_at, ends_at, every, lasts, by, why, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_END = "UPDATE silence SET ends_at = ?, ended_by = ? WHERE id = ? AND ends_at > ?"
_matcher = msgspec.json.Decoder(Matcher)


def running(work: Work, now: Millis) -> tuple[Mute, ...]:
    """Those that are not over, also those that have not begun."""
    return tuple(_mute(row) for row in work.rows(_RUNNING, (now,)))


def add(work: Work, mute: Mute) -> int:
    """Its number; that of `mute` is not looked at."""
    matcher = msgspec.json.encode(mute.matcher).decode()
    times = (mute.starts_at, mute.ends_at, mute.every, mute.lasts)
    rows = work.rows(_ADD, (mute.kind.value, matcher, *times, mute.by, mute.why, mute.created_at))
    return int(rows[0][0])


def end(work: Work, number: int, *, by: str, now: Millis) -> None:
    """Ends it now; it stays for the record. `StoreError` when none with this number is running."""
    if not work.run(_END, (now, by, number, now)):
        raise StoreError(f"silence {number}: there is none that is not over; 'rigwatch silence list' shows them")


def _mute(row: Row) -> Mute:
    number, kind, matcher, *rest = row
    starts_at, ends_at, by, why, created_at, every, lasts = rest
    return Mute(number, MuteKind(kind), _matcher.decode(matcher), starts_at, ends_at, by, why, created_at, every, lasts)
