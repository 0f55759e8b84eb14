"""By what a stranger's guesses are counted."""

import pytest

from web.access.login import GUESSES, Guesses, source_of


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


def test_one_address_may_guess_ten_times_a_minute() -> None:
    guesses = Guesses()
    for _ in range(GUESSES.amount):
        assert guesses.allowed("192.0.2.7")
        guesses.count("192.0.2.7")
    assert not guesses.allowed("192.0.2.7")
    assert guesses.allowed("192.0.2.8")
