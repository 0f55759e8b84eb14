"""The users of the dashboard. What a password hash is, the web decides."""

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store.transaction import Row, Transaction

_ADD = "INSERT INTO account (name, role, password_hash, created_at) VALUES (?, ?, ?, ?) ON CONFLICT (name) DO NOTHING"
_GET = "SELECT name, role, password_hash FROM account WHERE name = ?"
_ALL = "SELECT name, role, password_hash FROM account"
_NEW_HASH = "UPDATE account SET password_hash = ? WHERE name = ?"
_SET_ROLE = "UPDATE account SET role = ? WHERE name = ?"
_REMOVE = "DELETE FROM account WHERE name = ?"
_ADMINS = "SELECT n.name FROM account n WHERE n.role = 'admin'{lock}"


def add(tx: Transaction, user: User, now: Millis) -> None:
    """Raises `NotDone` when the name is taken."""
    if not tx.run(_ADD, (user.name, user.role.value, user.password_hash, now)):
        raise NotDone(f"user {user.name}: is there already; change its password, or choose another name")


def get(tx: Transaction, name: str) -> User | None:
    rows = tx.rows(_GET, (name,))
    return _user(rows[0]) if rows else None


def every(tx: Transaction) -> list[User]:
    """By name."""
    return sorted((_user(row) for row in tx.rows(_ALL)), key=lambda user: user.name)


def set_password(tx: Transaction, name: str, password_hash: str) -> None:
    """Raises `NotDone` when there is no such user."""
    _changed(tx.run(_NEW_HASH, (password_hash, name)), name)


def set_role(tx: Transaction, name: str, role: UserRole) -> None:
    """Raises `NotDone` when there is no such user, or when nobody would be left to give the role back."""
    if role is not UserRole.ADMIN:
        _keep_an_admin(tx, name)
    _changed(tx.run(_SET_ROLE, (role.value, name)), name)


def remove(tx: Transaction, name: str, *, keep_an_admin: bool) -> None:
    """Raises `NotDone` when there is no such user, or when the last admin is to be kept and this is the one."""
    if keep_an_admin:
        _keep_an_admin(tx, name)
    _changed(tx.run(_REMOVE, (name,)), name)


def _keep_an_admin(tx: Transaction, name: str) -> None:
    # Locked, so that two admins who remove each other at once do not both succeed.
    if {admin for (admin,) in tx.rows(_ADMINS)} == {name}:
        raise NotDone(f"user {name}: is the last admin; make another one first, or nobody could change anything")


def _changed(rows: int, name: str) -> None:
    if not rows:
        raise NotDone(f"user {name}: there is none; 'rigwatch user add' makes one")


def _user(row: Row) -> User:
    name, role, password_hash = row
    return User(name, UserRole(role), password_hash)
