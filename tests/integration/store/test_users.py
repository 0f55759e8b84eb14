"""The dashboard's users in the store."""

import pytest

from alerts.facts import User, UserRole
from rigwatch.errors import StoreError
from store import Store, users

NOW = 1_760_000_000_000


def test_a_user_is_found_by_name(store: Store) -> None:
    store.add_user("ann", "hash", UserRole.ADMIN, now=NOW)
    assert store.user("ann") == User("ann", UserRole.ADMIN, "hash")
    assert store.user("bob") is None
    assert store.user("ANN") is None


def test_a_name_can_be_taken_once(store: Store) -> None:
    store.add_user("ann", "hash", UserRole.VIEWER, now=NOW)
    with pytest.raises(StoreError, match="user ann: is there already"):
        store.add_user("ann", "other", UserRole.ADMIN, now=NOW)
    assert store.user("ann") == User("ann", UserRole.VIEWER, "hash")


def test_users_are_listed_by_name(store: Store) -> None:
    for name in ("bob", "Zoe", "ann"):
        store.add_user(name, "hash", UserRole.VIEWER, now=NOW)
    assert [user.name for user in store.users()] == ["Zoe", "ann", "bob"]


def test_a_password_is_changed(store: Store) -> None:
    store.add_user("ann", "hash", UserRole.VIEWER, now=NOW)
    store.set_password("ann", "another")
    assert store.user("ann") == User("ann", UserRole.VIEWER, "another")


def test_a_user_is_removed(store: Store) -> None:
    store.add_user("ann", "hash", UserRole.VIEWER, now=NOW)
    store.change(lambda tx: users.remove(tx, "ann"))
    assert store.user("ann") is None


def test_a_user_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(StoreError, match="user ann: there is none"):
        store.set_password("ann", "hash")
    with pytest.raises(StoreError, match="user ann: there is none"):
        store.change(lambda tx: users.remove(tx, "ann"))


def test_a_hash_is_never_shown(store: Store) -> None:
    store.add_user("ann", "s3cret", UserRole.VIEWER, now=NOW)
    assert "s3cret" not in repr(store.user("ann"))
