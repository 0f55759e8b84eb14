"""Passwords are checked slowly once, and fast for a while after."""

import time

import pytest
from werkzeug.security import check_password_hash

from tests.fake_clock import FakeClock
from web.access.passwords import REMEMBERED_S, Passwords, hash_password

HASH = hash_password("correct horse")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def passwords(clock: FakeClock) -> Passwords:
    made = Passwords(clock)
    assert made.check("ada", "correct horse", HASH)
    return made


def test_a_hash_is_scrypt_with_a_salt_of_its_own() -> None:
    assert HASH.startswith("scrypt:32768:8:1$")
    assert hash_password("correct horse") != HASH
    assert check_password_hash(HASH, "correct horse")


def test_only_the_right_password_of_the_right_user_is_remembered(passwords: Passwords) -> None:
    assert passwords.remembers("ada", "correct horse", HASH)
    assert not passwords.remembers("ada", "battery", HASH)
    assert not passwords.remembers("bob", "correct horse", HASH)


def test_a_wrong_password_is_not_remembered(passwords: Passwords) -> None:
    assert not passwords.check("ada", "battery", HASH)
    assert not passwords.remembers("ada", "battery", HASH)
    assert passwords.remembers("ada", "correct horse", HASH)


def test_a_changed_hash_forgets_at_once(passwords: Passwords) -> None:
    assert not passwords.remembers("ada", "correct horse", hash_password("correct horse"))


def test_it_forgets_after_a_while(passwords: Passwords, clock: FakeClock) -> None:
    clock.move(REMEMBERED_S - 1)
    assert passwords.remembers("ada", "correct horse", HASH)
    clock.move(1)
    assert not passwords.remembers("ada", "correct horse", HASH)


def test_a_user_that_does_not_exist_costs_as_much_as_one_that_does(passwords: Passwords) -> None:
    def cost(stored: str | None) -> float:
        # CPU time of this thread: other programs on the machine do not count.
        begun = time.thread_time()
        assert not passwords.check("bob", "battery", stored)
        return time.thread_time() - begun

    assert min(cost(None) for _ in range(3)) > min(cost(HASH) for _ in range(3)) / 2


def test_it_shows_no_password_and_no_key(passwords: Passwords) -> None:
    assert "correct horse" not in f"{passwords!r} {vars(passwords)}"
