"""Tokens by which programs log in to the dashboard's API. Only hashes are stored; a token is shown once, when made."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from alerts.facts import UserRole
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store.transaction import Row, Transaction

PREFIX: Final = "rwt_"
_SECRET_BYTES: Final = 32
_LENGTH_MAX: Final = 100
_NOTED_EVERY: Final[Millis] = 60_000
"""The last use is known to the minute: a program that asks every second must not write every second."""

_COLUMNS = "id, name, role, created_at, last_used_at, expires_at"
_FIND = f"SELECT {_COLUMNS} FROM api_token WHERE hash = ?"  # noqa: S608 - constants
_ALL = f"SELECT {_COLUMNS} FROM api_token"  # noqa: S608 - constants
_ADD = """
INSERT INTO api_token (name, role, hash, created_at, expires_at) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""
_REMOVE = "DELETE FROM api_token WHERE name = ?"
_USED = "UPDATE api_token SET last_used_at = ? WHERE id = ?"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token but the token. `expires_at` None = never; `last_used_at` within a minute."""

    number: int
    name: str
    role: UserRole
    created_at: Millis
    last_used_at: Millis | None
    expires_at: Millis | None

    def is_over(self, now: Millis) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def wants_note(self, now: Millis) -> bool:
        return self.last_used_at is None or not 0 <= now - self.last_used_at < _NOTED_EVERY


def make() -> str:
    """A new token: 256 random bits, so that its hash need not be slow."""
    return PREFIX + secrets.token_urlsafe(_SECRET_BYTES)


def hash_of(token: str) -> str:
    """What is stored of it; empty for what cannot be a token."""
    if not token.startswith(PREFIX) or len(token) > _LENGTH_MAX:
        return ""
    return hashlib.sha256(token.encode()).hexdigest()


def find(tx: Transaction, hashed: str) -> ApiToken | None:
    """Also one that is over."""
    rows = tx.rows(_FIND, (hashed,))
    return _token(rows[0]) if rows else None


def every(tx: Transaction) -> list[ApiToken]:
    """By name."""
    return sorted((_token(row) for row in tx.rows(_ALL)), key=lambda each: each.name)


def add(tx: Transaction, name: str, role: UserRole, hashed: str, *, now: Millis, expires_at: Millis | None) -> None:
    """Raises `NotDone` when the name is taken."""
    if not tx.run(_ADD, (name, role.value, hashed, now, expires_at)):
        raise NotDone(f"token {name}: is there already; remove it first, or choose another name")


def remove(tx: Transaction, name: str) -> None:
    """Raises `NotDone` when there is no such token."""
    if not tx.run(_REMOVE, (name,)):
        raise NotDone(f"token {name}: there is none; 'rigwatch token list' shows them")


def note_use(tx: Transaction, number: int, now: Millis) -> None:
    tx.run(_USED, (now, number))


def _token(row: Row) -> ApiToken:
    number, name, role, created_at, last_used_at, expires_at = row
    return ApiToken(number, name, UserRole(role), created_at, last_used_at, expires_at)
