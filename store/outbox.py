"""Messages on their way to people: written with the transition, marked after the attempt, tried for a day."""

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec import Struct

from alerts.notification import Notification
from rigwatch.clock import Millis
from store import marks
from store.texts import as_json, storable
from store.transaction import Row, Transaction


class DeliveryState(StrEnum):
    """How far a message is."""

    QUEUED = "queued"
    # Handed to a sender. Found after a crash, nobody knows whether it arrived.
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"


COPIES_KNOWN = 3
"""More that may have arrived are not held against a message that was found after a crash: it gets an attempt."""


class StoredNotification(Struct, frozen=True):
    """A message with its number; `copies` is how many earlier attempts may have arrived. One with a number of 0 or less
    stands in no database, and nothing is written down about it.
    """

    id: int
    channel: str
    kind: str
    severity: str
    title: str
    body: str
    incidents: tuple[int, ...]
    created_at: Millis
    attempts: int = 0
    copies: int = 0
    error: str = ""


class LastDelivery(Struct, frozen=True):
    """What became of a channel's latest message; `error` is why it is not sent, or was tried again."""

    state: DeliveryState
    at: Millis
    title: str
    error: str


_LAST = """
SELECT state, coalesce(sent_at, attempt_at, created_at), title, error FROM notification
WHERE channel = ? ORDER BY id DESC LIMIT 1
"""
_COLUMNS = "id, channel, kind, severity, title, body, incidents, created_at, attempts, state, copies, error"
_ADD = """
INSERT INTO notification (id, incident_id, channel, kind, severity, title, body, incidents, state, created_at,
    next_at, attempts, attempt_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'sending', ?, ?, 1, ?, '')
"""
_LEFT = f"SELECT {_COLUMNS} FROM notification WHERE state = 'sending' ORDER BY id"  # noqa: S608 - constants
_WAITING = f"SELECT {_COLUMNS} FROM notification WHERE state = 'queued' ORDER BY id"  # noqa: S608 - constants
_ATTEMPT = "UPDATE notification SET state = 'sending', attempts = attempts + 1, attempt_at = ? WHERE id = ?"
_SENT = "UPDATE notification SET state = 'sent', sent_at = ?, error = '' WHERE id = ?"
_AGAIN = "UPDATE notification SET state = 'queued', next_at = ?, error = ?, copies = ? WHERE id = ?"
_FOUND = "UPDATE notification SET state = 'sending', copies = ? WHERE id = ?"
_FAILED = "UPDATE notification SET state = 'failed', error = ? WHERE id = ?"
_REFUSED = """
INSERT INTO channel (name, address, refused_at, refused_why) VALUES (?, ?, ?, ?)
ON CONFLICT (name) DO UPDATE SET address = excluded.address, refused_at = excluded.refused_at,
    refused_why = excluded.refused_why
"""
_ALL_REFUSED = "SELECT name, address, refused_why FROM channel WHERE refused_at IS NOT NULL"
_FORGIVE = "DELETE FROM channel WHERE name = ?"
_incidents = msgspec.json.Decoder(tuple[int, ...])


def add(tx: Transaction, notifications: Sequence[Notification], first: int, now: Millis) -> list[StoredNotification]:
    """As being sent already: whoever writes them hands them over next, and a second commit would only cost time."""
    stored = [
        StoredNotification(
            number,
            each.channel,
            each.kind.value,
            each.severity.value,
            storable(each.title),
            storable(each.body),
            each.incidents,
            now,
            1,
        )
        for number, each in enumerate(notifications, first)
    ]
    tx.run_many(
        _ADD,
        [
            (p.id, p.incidents[0], p.channel, p.kind, p.severity, p.title, p.body, as_json(p.incidents), now, now, now)
            for p in stored
        ],
    )
    return stored


def left(tx: Transaction) -> list[StoredNotification]:
    """What an earlier process did not finish: those in its hands may have arrived, the others not."""
    return [_posted(row) for row in (*tx.rows(_LEFT), *tx.rows(_WAITING))]


def take_over(tx: Transaction) -> list[StoredNotification]:
    """The same, and it is in the hands of this process from now on, should that end as well."""
    found = left(tx)
    tx.run_many(_FOUND, [(each.copies, each.id) for each in found])
    return found


def begin(tx: Transaction, numbers: Sequence[int], now: Millis) -> None:
    """Another attempt begins."""
    tx.run_many(_ATTEMPT, [(now, number) for number in numbers])


def sent(tx: Transaction, numbers: Sequence[int], now: Millis) -> None:
    tx.run_many(_SENT, [(now, number) for number in numbers])


def again(tx: Transaction, stored: Sequence[StoredNotification], at: Millis, error: str) -> None:
    tx.run_many(_AGAIN, [(at, storable(error, 500), each.copies, each.id) for each in stored])


def failed(tx: Transaction, numbers: Sequence[int], error: str) -> None:
    tx.run_many(_FAILED, [(storable(error, 500), number) for number in numbers])


def refuse(tx: Transaction, channel: str, address: str, *, why: str, now: Millis) -> None:
    """The channel is not used any more until its address changes, or a test message gets through."""
    marks.touch(tx)
    tx.run(_REFUSED, (channel, address, now, storable(why, 500)))


def forgive(tx: Transaction, channel: str) -> None:
    """It may be used again."""
    marks.touch(tx)
    tx.run(_FORGIVE, (channel,))


def last(tx: Transaction, channel: str) -> LastDelivery | None:
    """Of the channel; None where it never had a message, or none that is still known."""
    rows = tx.rows(_LAST, (channel,))
    return LastDelivery(DeliveryState(rows[0][0]), *rows[0][1:]) if rows else None


def refused(tx: Transaction) -> dict[str, tuple[str, str]]:
    """Channels, with the hash of the address that was refused, and why."""
    return {name: (address, why) for name, address, why in tx.rows(_ALL_REFUSED)}


def _posted(row: Row) -> StoredNotification:
    number, channel, kind, severity, title, body, incidents, created_at, attempts, state, copies, error = row
    copies = min(copies + (state == DeliveryState.SENDING.value), COPIES_KNOWN)
    return StoredNotification(
        number, channel, kind, severity, title, body, _incidents.decode(incidents), created_at, attempts, copies, error
    )
