"""The dashboard's users in the store."""

import pytest

from alerts.facts import User, UserRole
from rigwatch.errors import StoreError
from store import Store, users

NOW = 1_760_000_000_000


def test_a_user_is_found_by_name(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.ADMIN, "hash"), NOW)
    with store.read() as tx:
        assert users.get(tx, "ann") == User("ann", UserRole.ADMIN, "hash")
        assert users.get(tx, "bob") is None
        assert users.get(tx, "ANN") is None


def test_a_name_can_be_taken_once(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.VIEWER, "hash"), NOW)
    with pytest.raises(StoreError, match="user ann: is there already"), store.write() as tx:
        users.add(tx, User("ann", UserRole.ADMIN, "other"), NOW)
    with store.read() as tx:
        assert users.get(tx, "ann") == User("ann", UserRole.VIEWER, "hash")


def test_users_are_listed_by_name(store: Store) -> None:
    for name in ("bob", "Zoe", "ann"):
        with store.write() as tx:
            users.add(tx, User(name, UserRole.VIEWER, "hash"), NOW)
    with store.read() as tx:
        assert [user.name for user in users.every(tx)] == ["Zoe", "ann", "bob"]


def test_a_password_is_changed(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.VIEWER, "hash"), NOW)
    with store.write() as tx:
        users.set_password(tx, "ann", "another")
    with store.read() as tx:
        assert users.get(tx, "ann") == User("ann", UserRole.VIEWER, "another")


def test_a_user_is_removed(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.VIEWER, "hash"), NOW)
    with store.write() as tx:
        users.remove(tx, "ann", keep_an_admin=False)
    with store.read() as tx:
        assert users.get(tx, "ann") is None


def test_a_user_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="user ann: there is none"), store.write() as tx:
        users.set_password(tx, "ann", "hash")
    with pytest.raises(StoreError, match="user ann: there is none"), store.write() as tx:
        users.remove(tx, "ann", keep_an_admin=False)


def test_a_hash_is_never_shown(store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("ann", UserRole.VIEWER, "s3cret"), NOW)
    with store.read() as tx:
        assert "s3cret" not in repr(users.get(tx, "ann"))
