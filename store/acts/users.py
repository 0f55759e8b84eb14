"""What people decide about who may open the dashboard."""

from collections.abc import Mapping
from typing import Final

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from store import users
from store.acts.actor import ActError, Actor, Way, check_sites
from store.transaction import Transaction

NAME_MAX: Final = 64


def add(tx: Transaction, actor: Actor, now: Millis, user: User, *, remark: str = "") -> None:
    """`remark`: where it comes from. Raises `ActError` for a name that cannot be, `NotDone` for one that is taken."""
    if not 0 < len(user.name) <= NAME_MAX or ":" in user.name or not user.name.isprintable():
        raise ActError(
            f"NAME: should have 1 to {NAME_MAX} characters that can be seen, and no colon, which HTTP Basic has not"
        )
    check_sites(user.sites)
    users.add(tx, user, now)
    rights = user.role if user.sites is None else _rights(user.sites)
    actor.note(tx, now, "user.add", user.name, detail=", ".join(filter(None, (rights, remark))))


def set_password(tx: Transaction, actor: Actor, now: Millis, name: str, *, password_hash: str) -> None:
    """`NotDone` when there is no such user."""
    users.set_password(tx, name, password_hash)
    actor.note(tx, now, "user.password", name)


def set_role(tx: Transaction, actor: Actor, now: Millis, name: str, *, role: UserRole) -> None:
    """`NotDone` when there is no such user, or when nobody would be left to give the role back."""
    users.set_role(tx, name, role)
    actor.note(tx, now, "user.role", name, detail=role)


def set_sites(tx: Transaction, actor: Actor, now: Millis, name: str, *, sites: Mapping[str, UserRole]) -> None:
    """The user sees these alone, in the role that each has here. `ActError` for a name that no site can have, `NotDone`
    as `set_role`."""
    check_sites(sites)
    users.set_sites(tx, name, sites)
    actor.note(tx, now, "user.role", name, detail=_rights(sites))


def _rights(sites: Mapping[str, UserRole]) -> str:
    return ", ".join(f"{role} of {site}" for site, role in sorted(sites.items()))


def remove(tx: Transaction, actor: Actor, now: Millis, name: str) -> None:
    """`NotDone` when there is no such user. The last admin stays, but at the command line, which can make another."""
    users.remove(tx, name, keep_an_admin=actor.way is not Way.CLI)
    actor.note(tx, now, "user.remove", name)
