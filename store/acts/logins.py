"""What people do about their own way in: log in and out by a browser. A refused try is noted too.

The password itself, what is right of it and how often it may be tried, the web decides.
"""

from alerts.facts import User
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store import login_sessions, users
from store.acts.actor import Actor
from store.login_sessions import LoginSession
from store.transaction import Transaction

_CHANGED = "user {}: was changed while you logged in; log in again"


def log_in(tx: Transaction, actor: Actor, now: Millis, user: User, *, made: LoginSession, old: str = "") -> None:
    """`old`: hash of what the same browser had before, which ends. One that still wants a code is no login yet, and
    leaves no line. Raises `NotDone` when the user is gone, or has another password by now."""
    if old:
        login_sessions.end(tx, old)
    if not login_sessions.add(tx, user, made):
        raise NotDone(_CHANGED.format(user.name))
    if not made.wants_code:
        actor.note(tx, now, "user.login", user.name, detail="stays logged in" if made.stays else "")


def log_out(tx: Transaction, actor: Actor, now: Millis, name: str, *, session: str) -> None:
    """`session`: its hash. Raises `NotDone` when the user has none such."""
    if session not in {each.hash for each in login_sessions.of(tx, name)}:
        raise NotDone(f"user {name}: is not logged in there any more")
    login_sessions.end(tx, session)
    actor.note(tx, now, "user.logout", name)


def log_out_everywhere(tx: Transaction, actor: Actor, now: Millis, name: str) -> None:
    """`NotDone` when there is no such user."""
    users.need(tx, name)
    if count := users.log_out(tx, name):
        actor.note(tx, now, "user.logout", name, detail=f"everywhere: {count}")


def set_own_password(
    tx: Transaction, actor: Actor, now: Millis, user: User, *, password_hash: str, made: LoginSession | None
) -> None:
    """Logs out everywhere, and in again here where `made` is given. `NotDone` as `log_in`."""
    if users.need(tx, user.name).password_hash != user.password_hash:
        raise NotDone(_CHANGED.format(user.name))
    users.set_password(tx, user.name, password_hash)
    if made is not None and not login_sessions.add(tx, users.need(tx, user.name), made):
        raise NotDone(_CHANGED.format(user.name))
    actor.note(tx, now, "user.password", user.name, detail="own")


def refuse(tx: Transaction, actor: Actor, now: Millis, name: str, *, why: str) -> None:
    """Notes a try that was refused. `name` empty: there is no such user, and what was typed may be a password."""
    actor.note(tx, now, "user.refused", name or "an unknown user", detail=why)
