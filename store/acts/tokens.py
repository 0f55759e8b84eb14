"""What people decide about the tokens by which programs log in to the API."""

from collections.abc import Collection
from datetime import timedelta
from typing import Final

from alerts.facts import UserRole
from rigwatch.clock import Millis, as_datetime, in_millis
from store import tokens
from store.acts.actor import ActError, Actor, check_sites
from store.tokens import TokenKind
from store.transaction import Transaction

NAME_MAX: Final = 64


def add(
    tx: Transaction,
    actor: Actor,
    now: Millis,
    name: str,
    *,
    role: UserRole,
    life: timedelta | None,
    kind: TokenKind = TokenKind.API,
    sites: Collection[str] | None = None,
) -> str:
    """Makes one and returns it, a secret that is stored nowhere; `life` None: until it is removed; `sites` None: all.

    Raises `ActError` for a name, a site or a role that cannot be, `NotDone` for a name that is taken.
    """
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise ActError(f"NAME: should be 1 to {NAME_MAX} characters that can be seen")
    if kind is not TokenKind.API and role is not UserRole.VIEWER:
        raise ActError("role: should be viewer; a link only reads")
    check_sites(sites)
    token = tokens.make()
    expires_at = None if life is None else now + in_millis(life)
    tokens.add(tx, name, role, tokens.hash_of(token), now=now, expires_at=expires_at, kind=kind, sites=sites)
    until = "" if expires_at is None else f", until {as_datetime(expires_at):%Y-%m-%d %H:%M} UTC"
    what = role if kind is TokenKind.API else kind
    of = "" if sites is None else f" of {', '.join(sorted(sites))}"
    actor.note(tx, now, "token.add", name, detail=f"{what}{of}{until}")
    return token


def remove(tx: Transaction, actor: Actor, now: Millis, name: str) -> None:
    """`NotDone` when there is no such token."""
    tokens.remove(tx, name)
    actor.note(tx, now, "token.remove", name)
