"""What each subscriber runs with: fingerprints of its settings, its channels, and what it could not take over."""

import msgspec

from rigwatch.clock import Millis
from store import marks
from store.transaction import Transaction

_NOTE = """
INSERT INTO running (name, detail) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET detail = excluded.detail
"""
_OF = "SELECT detail FROM running WHERE name = ?"
_ALIVE = """
SELECT r.name, r.detail FROM running r JOIN heartbeat h ON h.name = r.name WHERE h.beat_at > ? ORDER BY r.name
"""


class Running(msgspec.Struct, frozen=True, omit_defaults=True):
    """`sections` and `channels` by name, each with its fingerprint; `problem`: why the settings file is not taken over;
    `unstorable`: how many messages of which topic the database could not hold; `told`: how many nodes know all
    addresses of the server."""

    sections: dict[str, str] = {}
    channels: dict[str, str] = {}
    problem: str = ""
    unstorable: dict[str, int] = {}
    told: int = 0


_decoder = msgspec.json.Decoder(Running)


def note(tx: Transaction, name: str, running: Running) -> None:
    """It counts while that subscriber gives signs of life."""
    tx.run(_NOTE, (name, msgspec.json.encode(running).decode()))
    marks.touch(tx)


def of(tx: Transaction, name: str) -> Running | None:
    rows = tx.rows(_OF, (name,))
    return _decoder.decode(rows[0][0]) if rows else None


def alive(tx: Transaction, since: Millis) -> dict[str, Running]:
    """Of subscribers that gave a sign of life after `since`."""
    return {name: _decoder.decode(detail) for name, detail in tx.rows(_ALIVE, (since,))}
