"""Who is logged in by a browser. Only hashes are stored of what cookies say; each is made once, for one browser."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from alerts.facts import User
from rigwatch.clock import Millis
from store import users
from store.transaction import Row, Transaction

MOST: Final = 20
"""Browsers that one user may be logged in with, and as many that still want the code; the first of them makes room."""

AGENT_MAX: Final = 120
_LENGTH_MAX: Final = 100
_SECRET_BYTES: Final = 32
_NOTED_EVERY: Final[Millis] = 60_000

_COLUMNS = "hash, account, created_at, seen_at, expires_at, stays, wants_code, agent"
_FIND = f"SELECT {_COLUMNS} FROM login_session WHERE hash = ?"  # noqa: S608 - constants
_OF = f"SELECT {_COLUMNS} FROM login_session WHERE account = ? AND wants_code = 0"  # noqa: S608 - constants
# Held until the commit, so that a password that is changed meanwhile finds the new session and ends it.
_HOLD = "SELECT n.password_hash, n.totp_at FROM account n WHERE n.name = ?{share}"
_ADD = f"INSERT INTO login_session ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants
_SEEN = "UPDATE login_session SET seen_at = ? WHERE hash = ?"
_END = "DELETE FROM login_session WHERE hash = ?"
_FORGET = "DELETE FROM login_session WHERE expires_at <= ?"
_FIRST = "SELECT hash FROM login_session WHERE account = ? AND wants_code = ? ORDER BY created_at DESC, hash"


@dataclass(frozen=True, slots=True)
class LoginSession:
    """A browser that somebody logged in with. `seen_at` is right within a minute; `agent` is what it calls itself."""

    hash: str
    account: str
    created_at: Millis
    seen_at: Millis
    expires_at: Millis
    stays: bool
    wants_code: bool
    agent: str

    def is_over(self, now: Millis, idle: Millis) -> bool:
        """`idle`: how long it may rest, unless it stays. A clock that went back ends none."""
        return now >= self.expires_at or (not self.stays and now - self.seen_at >= idle)

    def wants_note(self, now: Millis) -> bool:
        return not 0 <= now - self.seen_at < _NOTED_EVERY


def make() -> str:
    """What a cookie says: 256 random bits, so that its hash need not be slow."""
    return secrets.token_urlsafe(_SECRET_BYTES)


def hash_of(cookie: str) -> str:
    """What is stored of it; empty for what cannot be one."""
    if not cookie or len(cookie) > _LENGTH_MAX or not cookie.isascii():
        return ""
    return hashlib.sha256(cookie.encode()).hexdigest()


def find(tx: Transaction, hashed: str) -> tuple[LoginSession, User] | None:
    """Also one that is over."""
    rows = tx.rows(_FIND, (hashed,))
    if not rows:
        return None
    found = _session(rows[0])
    user = users.get(tx, found.account)
    return (found, user) if user else None


def of(tx: Transaction, account: str) -> list[LoginSession]:
    """The one seen last first, also such that are over; without those that still have to give their code."""
    return sorted(map(_session, tx.rows(_OF, (account,))), key=lambda each: (-each.seen_at, each.hash))


def add(tx: Transaction, user: User, made: LoginSession) -> bool:
    """False, and nothing is stored, where the user is gone, or has another password or second factor by now."""
    held = tx.rows(_HOLD, (user.name,))
    if not held or (held[0][0], held[0][1] is not None) != (user.password_hash, user.has_totp):
        return False
    tx.run(_FORGET, (made.created_at,))
    # Who knows no more than the password ends no login by it.
    for (old,) in tx.rows(_FIRST, (user.name, int(made.wants_code)))[MOST - 1 :]:
        tx.run(_END, (old,))
    tx.run(
        _ADD,
        (
            *(made.hash, made.account, made.created_at, made.seen_at, made.expires_at),
            *(int(made.stays), int(made.wants_code), made.agent),
        ),
    )
    return True


def note_seen(tx: Transaction, hashed: str, now: Millis) -> None:
    tx.run(_SEEN, (now, hashed))


def end(tx: Transaction, hashed: str) -> bool:
    """Whether there was one."""
    return bool(tx.run(_END, (hashed,)))


def _session(row: Row) -> LoginSession:
    hashed, account, created_at, seen_at, expires_at, stays, wants_code, agent = row
    return LoginSession(hashed, account, created_at, seen_at, expires_at, bool(stays), bool(wants_code), agent)
