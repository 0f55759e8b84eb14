"""The users of the dashboard. What a password hash is, the web decides.

Whose password or rights change, or who is removed, is logged out of every browser in the same transaction.
"""

from collections.abc import Mapping

import msgspec

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store.transaction import Row, Transaction

_ADD = """
INSERT INTO account (name, role, password_hash, created_at, sites) VALUES (?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING
"""
_COLUMNS = "name, role, password_hash, sites, totp_at"
_GET = f"SELECT {_COLUMNS} FROM account WHERE name = ?"  # noqa: S608 - constants
_ALL = f"SELECT {_COLUMNS} FROM account"  # noqa: S608 - constants
_NEW_HASH = "UPDATE account SET password_hash = ? WHERE name = ?"
_SET_ROLE = "UPDATE account SET role = ?, sites = NULL WHERE name = ?"
_REMOVE = "DELETE FROM account WHERE name = ?"
_SET_SITES = "UPDATE account SET role = ?, sites = ? WHERE name = ?"
_LOG_OUT = "DELETE FROM login_session WHERE account = ?"
_FORGET_CODES = "DELETE FROM recovery_code WHERE account = ?"
_ADMINS = "SELECT n.name FROM account n WHERE n.role = 'admin'{lock}"

_NONE = "user {}: there is none; 'rigwatch user add' makes one"


def add(tx: Transaction, user: User, now: Millis) -> None:
    """Raises `NotDone` when the name is taken."""
    if not tx.run(_ADD, (user.name, user.role.value, user.password_hash, now, _stored(user.sites))):
        raise NotDone(f"user {user.name}: is there already; change its password, or choose another name")


def get(tx: Transaction, name: str) -> User | None:
    rows = tx.rows(_GET, (name,))
    return _user(rows[0]) if rows else None


def need(tx: Transaction, name: str) -> User:
    """Raises `NotDone` when there is no such user."""
    user = get(tx, name)
    if user is None:
        raise NotDone(_NONE.format(name))
    return user


def every(tx: Transaction) -> list[User]:
    """By name."""
    return sorted((_user(row) for row in tx.rows(_ALL)), key=lambda user: user.name)


def set_password(tx: Transaction, name: str, password_hash: str) -> None:
    """Raises `NotDone` when there is no such user."""
    _changed(tx.run(_NEW_HASH, (password_hash, name)), name)
    log_out(tx, name)


def set_role(tx: Transaction, name: str, role: UserRole) -> None:
    """For all sites. Raises `NotDone` when there is no such user, or when nobody would be left to give it back."""
    if role is not UserRole.ADMIN:
        _keep_an_admin(tx, name)
    _changed(tx.run(_SET_ROLE, (role.value, name)), name)
    log_out(tx, name)


def set_sites(tx: Transaction, name: str, sites: Mapping[str, UserRole]) -> None:
    """For these sites alone, each in its role. Raises `NotDone` as `set_role`."""
    _keep_an_admin(tx, name)
    _changed(tx.run(_SET_SITES, (UserRole.VIEWER.value, _stored(sites), name)), name)
    log_out(tx, name)


def remove(tx: Transaction, name: str, *, keep_an_admin: bool) -> None:
    """Raises `NotDone` when there is no such user, or when the last admin is to be kept and this is the one."""
    if keep_an_admin:
        _keep_an_admin(tx, name)
    _changed(tx.run(_REMOVE, (name,)), name)
    tx.run(_FORGET_CODES, (name,))
    log_out(tx, name)


def log_out(tx: Transaction, name: str) -> int:
    """Of every browser; how many there were."""
    return tx.run(_LOG_OUT, (name,))


def _keep_an_admin(tx: Transaction, name: str) -> None:
    # Locked, so that two admins who remove each other at once do not both succeed.
    if {admin for (admin,) in tx.rows(_ADMINS)} == {name}:
        raise NotDone(f"user {name}: is the last admin; make another one first, or nobody could change anything")


def _changed(rows: int, name: str) -> None:
    if not rows:
        raise NotDone(_NONE.format(name))


def _user(row: Row) -> User:
    name, role, password_hash, sites, totp_at = row
    return User(name, UserRole(role), password_hash, _sites(sites), has_totp=totp_at is not None)


def _stored(sites: Mapping[str, UserRole] | None) -> str | None:
    return None if sites is None else msgspec.json.encode(sites, order="sorted").decode()


def _sites(stored: str | None) -> dict[str, UserRole] | None:
    return None if stored is None else msgspec.json.decode(stored, type=dict[str, UserRole])
