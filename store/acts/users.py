"""What people decide about who may open the dashboard."""

from typing import Final

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from store import users
from store.acts.actor import ActError, Actor, Way
from store.transaction import Transaction

NAME_MAX: Final = 64


def add(tx: Transaction, actor: Actor, now: Millis, user: User, *, remark: str = "") -> None:
    """`remark`: where it comes from. Raises `ActError` for a name that cannot be, `NotDone` for one that is taken."""
    if not 0 < len(user.name) <= NAME_MAX or ":" in user.name or not user.name.isprintable():
        raise ActError(
            f"NAME: should have 1 to {NAME_MAX} characters that can be seen, and no colon, which HTTP Basic has not"
        )
    users.add(tx, user, now)
    actor.note(tx, now, "user.add", user.name, detail=", ".join(filter(None, (user.role, remark))))


def set_password(tx: Transaction, actor: Actor, now: Millis, name: str, *, password_hash: str) -> None:
    """`NotDone` when there is no such user."""
    users.set_password(tx, name, password_hash)
    actor.note(tx, now, "user.password", name)


def set_role(tx: Transaction, actor: Actor, now: Millis, name: str, *, role: UserRole) -> None:
    """`NotDone` when there is no such user, or when nobody would be left to give the role back."""
    users.set_role(tx, name, role)
    actor.note(tx, now, "user.role", name, detail=role)


def remove(tx: Transaction, actor: Actor, now: Millis, name: str) -> None:
    """`NotDone` when there is no such user. The last admin stays, but at the command line, which can make another."""
    users.remove(tx, name, keep_an_admin=actor.way is not Way.CLI)
    actor.note(tx, now, "user.remove", name)
