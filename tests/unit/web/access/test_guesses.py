"""By what a stranger's guesses are counted."""

import pytest

from web.access.guesses import GUESSES, GUESSES_IN_ALL, Guesses, source_of


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("not an address", "unknown"),
    ],
)
def test_a_source_is_an_address_or_an_ipv6_network(address: str, source: str) -> None:
    assert source_of(address) == source


def test_one_address_may_guess_ten_times_a_minute_at_one_account() -> None:
    guesses = Guesses()
    for _ in range(GUESSES.amount):
        assert guesses.take("192.0.2.7", "ada")
    assert not guesses.take("192.0.2.7", "ada")
    assert guesses.take("192.0.2.7", "bob")
    assert guesses.take("192.0.2.8", "ada")


def test_one_address_may_guess_thirty_times_a_minute_at_all_accounts() -> None:
    guesses = Guesses()
    for number in range(GUESSES_IN_ALL.amount):
        assert guesses.take("192.0.2.7", f"user{number}")
        guesses.was_wrong("192.0.2.7", f"user{number}")
    assert not guesses.take("192.0.2.7", "another")
    assert guesses.take("192.0.2.8", "user1")


def test_a_right_password_was_no_guess_at_its_account() -> None:
    guesses = Guesses()
    for _ in range(GUESSES.amount * 2):
        assert guesses.take("192.0.2.7", "ada")
        guesses.was_right("192.0.2.7", "ada")
