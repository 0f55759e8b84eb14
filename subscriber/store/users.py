"""The users of the dashboard. What a password hash is, the web decides."""

from peewee import Database, IntegrityError

from rigwatch.clock import Millis
from rigwatch.errors import StoreError
from subscriber.facts import Role, User
from subscriber.store.models import Account


def add(database: Database, user: User, now: Millis) -> None:
    """Raises `StoreError` when the name is taken."""
    row = Account.insert(name=user.name, role=user.role.value, password_hash=user.password_hash, created_at=now)
    try:
        row.execute(database)
    except IntegrityError:
        raise StoreError(f"user {user.name}: is there already; change its password, or choose another name") from None


def get(database: Database, name: str) -> User | None:
    rows = list(Account.select().where(Account.name == name).bind(database))
    return _user(rows[0]) if rows else None


def every(database: Database) -> list[User]:
    """By name."""
    return sorted((_user(row) for row in Account.select().bind(database)), key=lambda user: user.name)


def set_password(database: Database, name: str, password_hash: str) -> None:
    """Raises `StoreError` when there is no such user."""
    _changed(Account.update(password_hash=password_hash).where(Account.name == name).execute(database), name)


def remove(database: Database, name: str) -> None:
    """Raises `StoreError` when there is no such user."""
    _changed(Account.delete().where(Account.name == name).execute(database), name)


def _changed(rows: int, name: str) -> None:
    if not rows:
        raise StoreError(f"user {name}: there is none; 'rigwatch user add' makes one")


def _user(row: Account) -> User:
    return User(name=row.name, role=Role(row.role), password_hash=row.password_hash)
