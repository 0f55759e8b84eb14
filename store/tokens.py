"""Tokens by which programs log in to the dashboard's API, and of links that only read. Only hashes are stored; a token
is shown once, when made."""

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import msgspec

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store.transaction import Row, Transaction

PREFIX: Final = "rwt_"
_SECRET_BYTES: Final = 32
_LENGTH_MAX: Final = 100
_NOTED_EVERY: Final[Millis] = 60_000
"""The last use is known to the minute: a program that asks every second must not write every second."""

_COLUMNS = "id, name, role, created_at, last_used_at, expires_at, kind, sites"
_FIND = f"SELECT {_COLUMNS} FROM api_token WHERE hash = ?"  # noqa: S608 - constants
_ALL = f"SELECT {_COLUMNS} FROM api_token"  # noqa: S608 - constants
_ADD = """
INSERT INTO api_token (name, role, hash, created_at, expires_at, kind, sites) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (name) DO NOTHING
"""
_REMOVE = "DELETE FROM api_token WHERE name = ?"
_USED = "UPDATE api_token SET last_used_at = ? WHERE id = ?"


class TokenKind(StrEnum):
    """What a token opens."""

    # what its role may, for a program that sends it with each request
    API = "api"
    # the pages, for reading: an address that a browser opens without a login
    LINK = "link"
    # the wall alone
    KIOSK = "kiosk"


@dataclass(frozen=True, slots=True)
class ApiToken:
    """What is known of a token but the token. `expires_at` None = never; `last_used_at` within a minute; `sites` None:
    all."""

    number: int
    name: str
    role: UserRole
    created_at: Millis
    last_used_at: Millis | None
    expires_at: Millis | None
    kind: TokenKind = TokenKind.API
    sites: tuple[str, ...] | None = None

    def as_user(self) -> User:
        """Whoever comes with it."""
        name = f"{'token' if self.kind is TokenKind.API else 'link'}:{self.name}"
        if self.sites is None:
            return User(name, self.role, "")
        return User(name, UserRole.VIEWER, "", dict.fromkeys(self.sites, self.role))

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


def add(
    tx: Transaction,
    name: str,
    role: UserRole,
    hashed: str,
    *,
    now: Millis,
    expires_at: Millis | None,
    kind: TokenKind = TokenKind.API,
    sites: Collection[str] | None = None,
) -> None:
    """Raises `NotDone` when the name is taken."""
    stored = None if sites is None else msgspec.json.encode(sorted(sites)).decode()
    if not tx.run(_ADD, (name, role.value, hashed, now, expires_at, kind.value, stored)):
        raise NotDone(f"token {name}: is there already; remove it first, or choose another name")


def remove(tx: Transaction, name: str) -> None:
    """Raises `NotDone` when there is no such token."""
    if not tx.run(_REMOVE, (name,)):
        raise NotDone(f"token {name}: there is none; 'rigwatch token list' shows them")


def note_use(tx: Transaction, number: int, now: Millis) -> None:
    tx.run(_USED, (now, number))


def _token(row: Row) -> ApiToken:
    number, name, role, created_at, last_used_at, expires_at, kind, sites = row
    return ApiToken(
        *(number, name, UserRole(role), created_at, last_used_at, expires_at),
        kind=TokenKind(kind or TokenKind.API),
        sites=None if sites is None else msgspec.json.decode(sites, type=tuple[str, ...]),
    )
