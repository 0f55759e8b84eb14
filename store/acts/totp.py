"""What people decide about second factors, their own and, as an admin, another's. What a code is, the web decides."""

from alerts.facts import User
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store import login_sessions, totp, users
from store.acts.actor import Actor
from store.login_sessions import LoginSession
from store.transaction import Transaction


def begin(tx: Transaction, actor: Actor, now: Millis, name: str, *, secret: str) -> None:
    """Gives the user a secret that is not asked for yet. `NotDone` when there is no such user, or one is asked for."""
    users.need(tx, name)
    totp.begin(tx, name, secret)
    actor.note(tx, now, "user.totp", name, detail="begun")


def confirm(
    tx: Transaction, actor: Actor, now: Millis, user: User, *, secret: str, step: int, made: LoginSession | None
) -> list[str]:
    """Asks for codes from now on, logs out everywhere, and in again here where `made` is given.

    Returns the recovery codes, which are secrets. `NotDone` where another window was quicker.
    """
    codes = totp.confirm(tx, user.name, secret, step=step, now=now)
    if made is not None and not login_sessions.add(tx, users.need(tx, user.name), made):
        raise NotDone(f"user {user.name}: was changed meanwhile; log in again")
    actor.note(tx, now, "user.totp", user.name, detail="on")
    return codes


def pass_by_code(
    tx: Transaction, actor: Actor, now: Millis, user: User, *, step: int, old: str, made: LoginSession
) -> None:
    """Logs in by a code of that step; `old`: hash of the login that wanted it. `NotDone` when that is over, the code or
    a later one has been used, or the user was changed."""
    if not totp.take(tx, user.name, step):
        raise NotDone(f"user {user.name}: this code was used already; wait for the next one")
    _let_in(tx, user, old, made)
    actor.note(tx, now, "user.login", user.name, detail="with a code" + _stays(made))


def pass_by_recovery(
    tx: Transaction, actor: Actor, now: Millis, user: User, *, hashed: str, old: str, made: LoginSession
) -> int:
    """The same by a recovery code; returns how many are left."""
    left = totp.use_recovery_code(tx, user.name, hashed)
    if left is None:
        raise NotDone(f"user {user.name}: this is no recovery code, or it was used already")
    _let_in(tx, user, old, made)
    actor.note(tx, now, "user.login", user.name, detail=f"with a recovery code, {left} left" + _stays(made))
    return left


def reset(tx: Transaction, actor: Actor, now: Millis, name: str, *, made: LoginSession | None = None) -> None:
    """The password is enough again; logs out everywhere, and in again here where `made` is given."""
    totp.off(tx, name)
    if made is not None and not login_sessions.add(tx, users.need(tx, name), made):
        raise NotDone(f"user {name}: was changed meanwhile; log in again")
    actor.note(tx, now, "user.totp", name, detail="off")


def _let_in(tx: Transaction, user: User, old: str, made: LoginSession) -> None:
    if not login_sessions.end(tx, old) or not login_sessions.add(tx, user, made):
        raise NotDone(f"user {user.name}: was changed while you logged in; log in again")


def _stays(made: LoginSession) -> str:
    return ", stays logged in" if made.stays else ""
