"""What people decide about the tokens by which programs log in to the API."""

from datetime import timedelta
from typing import Final

from alerts.facts import UserRole
from rigwatch.clock import Millis, as_datetime, in_millis
from store import tokens
from store.acts.actor import ActError, Actor
from store.transaction import Transaction

NAME_MAX: Final = 64


def add(tx: Transaction, actor: Actor, now: Millis, name: str, *, role: UserRole, life: timedelta | None) -> str:
    """Makes one and returns it, a secret that is stored nowhere; `life` None: until it is removed.

    Raises `ActError` for a name that cannot be, `NotDone` for one that is taken.
    """
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise ActError(f"NAME: should be 1 to {NAME_MAX} characters that can be seen")
    token = tokens.make()
    expires_at = None if life is None else now + in_millis(life)
    tokens.add(tx, name, role, tokens.hash_of(token), now=now, expires_at=expires_at)
    until = "" if expires_at is None else f", until {as_datetime(expires_at):%Y-%m-%d %H:%M} UTC"
    actor.note(tx, now, "token.add", name, detail=f"{role}{until}")
    return token


def remove(tx: Transaction, actor: Actor, now: Millis, name: str) -> None:
    """`NotDone` when there is no such token."""
    tokens.remove(tx, name)
    actor.note(tx, now, "token.remove", name)
