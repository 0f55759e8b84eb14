"""Who is logged in by a browser, in the store: what ends a login, and how many there may be."""

from collections.abc import Callable

import pytest

from alerts.facts import User, UserRole
from store import Store, login_sessions, users
from store.login_sessions import MOST, LoginSession, hash_of
from store.transaction import Transaction

NOW = 1_760_000_000_000
HOUR = 3_600_000
ANN = User("ann", UserRole.ADMIN, "hash")


def made(
    name: str, at: int = NOW, *, stays: bool = False, account: str = "ann", wants_code: bool = False
) -> LoginSession:
    return LoginSession(
        hash_of(name), account, at, at, at + 24 * HOUR, stays=stays, wants_code=wants_code, agent="Firefox"
    )


@pytest.fixture
def peopled(store: Store) -> Store:
    """With ann, logged in once, and bob, who is an admin too and logged in as well."""
    bob = User("bob", UserRole.ADMIN, "hash")
    with store.write() as tx:
        for user in (ANN, bob):
            users.add(tx, user, NOW)
        assert login_sessions.add(tx, ANN, made("first"))
        assert login_sessions.add(tx, bob, made("bob's", account="bob"))
    return store


def hashes(store: Store, account: str = "ann") -> list[str]:
    with store.read() as tx:
        return [each.hash for each in login_sessions.of(tx, account)]


def test_a_login_is_found_by_its_hash_with_its_user(peopled: Store) -> None:
    with peopled.read() as tx:
        assert login_sessions.find(tx, hash_of("first")) == (made("first"), ANN)
        assert login_sessions.find(tx, hash_of("another")) is None
        assert login_sessions.find(tx, "") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: users.set_password(tx, "ann", "another"),
        lambda tx: users.set_role(tx, "ann", UserRole.VIEWER),
        lambda tx: users.remove(tx, "ann", keep_an_admin=True),
    ],
    ids=["password", "role", "removal"],
)
def test_what_changes_a_user_ends_all_of_that_users_logins(
    peopled: Store, change: Callable[[Transaction], None]
) -> None:
    with peopled.write() as tx:
        change(tx)
    assert hashes(peopled) == []
    assert hashes(peopled, "bob") == [hash_of("bob's")]


def test_a_login_of_a_password_that_was_changed_meanwhile_is_none(peopled: Store) -> None:
    with peopled.write() as tx:
        users.set_password(tx, "ann", "another")
    with peopled.write() as tx:
        assert not login_sessions.add(tx, ANN, made("late"))
        assert not login_sessions.add(tx, User("eve", UserRole.ADMIN, "hash"), made("nobody's", account="eve"))
    assert hashes(peopled) == []


def test_the_first_of_too_many_logins_makes_room(peopled: Store) -> None:
    for number in range(MOST):
        with peopled.write() as tx:
            assert login_sessions.add(tx, ANN, made(f"later {number}", NOW + 1 + number))
    assert len(hashes(peopled)) == MOST
    assert hash_of("first") not in hashes(peopled)
    assert hashes(peopled, "bob") == [hash_of("bob's")]


def test_logins_that_still_want_a_code_make_room_among_themselves_alone(peopled: Store) -> None:
    names = [f"half {number}" for number in range(MOST + 1)]
    for at, name in enumerate(names, NOW + 1):
        with peopled.write() as tx:
            assert login_sessions.add(tx, ANN, made(name, at, wants_code=True))
    assert hashes(peopled) == [hash_of("first")]
    with peopled.read() as tx:
        assert [name for name in names if login_sessions.find(tx, hash_of(name)) is None] == ["half 0"]


def test_logins_that_are_over_are_forgotten_at_the_next_one(peopled: Store) -> None:
    with peopled.write() as tx:
        login_sessions.add(tx, ANN, made("next", NOW + 25 * HOUR))
    assert hashes(peopled) == [hash_of("next")]
    assert hashes(peopled, "bob") == []


@pytest.mark.parametrize(
    ("after", "stays", "over"),
    [
        (HOUR - 1, False, False),
        (HOUR, False, True),
        (HOUR, True, False),
        (24 * HOUR - 1, True, False),
        (24 * HOUR, True, True),
        (-HOUR, False, False),
    ],
)
def test_a_login_ends_when_it_rests_too_long_or_at_its_end(after: int, *, stays: bool, over: bool) -> None:
    assert made("x", stays=stays).is_over(NOW + after, HOUR) is over


@pytest.mark.parametrize("cookie", ["", "ä" * 43, "x" * 101])
def test_what_can_be_no_cookie_of_ours_has_no_hash(cookie: str) -> None:
    assert hash_of(cookie) == ""
