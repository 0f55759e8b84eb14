"""What of all that happens is worth a line of the broker's log."""

import logging

import pytest

from broker.lines import BURST, LeftOut, LineBudget, Lines, network_of
from tests.fake_clock import FakeClock

log = logging.getLogger("somebody")


def test_a_refusal_is_said_once_and_then_slowly_with_a_count() -> None:
    budget = LineBudget()
    said = [(second, budget.times_to_say("refused", "a", second)) for second in range(1300)]
    assert [each for each in said if each[1]] == [(0, 1), (600, 600), (1200, 600)]
    assert budget.times_to_say("refused", "b", 1200) == 1
    assert budget.times_to_say("closed", "a", 1200) == 1


def test_an_address_gets_one_line_whatever_user_names_it_tries(caplog: pytest.LogCaptureFixture) -> None:
    lines = Lines(FakeClock())
    for number in range(10_000):
        lines.warning(log, "login refused", "198.51.100.7", "user=%r", f"user {number}")
    assert caplog.messages == ["login refused user='user 0'"]


def test_all_addresses_together_stay_within_a_budget_and_the_rest_is_summed_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    lines = Lines(clock)
    for second in range(3600):
        clock.move(1)
        for number in range(10):
            lines.warning(log, "login refused", f"address {second}/{number}", "")
        lines.sum_up()
    single = [each for each in caplog.messages if each.startswith("login refused")]
    sums = [each for each in caplog.messages if each.startswith("left out of the log")]
    assert len(single) == BURST + 360 - 1
    assert len(sums) == 60
    assert sums[1].startswith("left out of the log: login refused times=594 senders=594")


def test_what_is_within_the_budget_is_not_summed_up() -> None:
    budget = LineBudget()
    for number in range(BURST):
        assert budget.times_to_say("refused", str(number), 0) == 1
    assert budget.left_out(100) == []
    assert budget.times_to_say("refused", "one more", 100) == 1


def test_a_flood_of_one_kind_leaves_the_others_their_lines() -> None:
    budget = LineBudget()
    for number in range(1000):
        budget.times_to_say("refused", str(number), 0)
    assert budget.times_to_say("closed", "a", 0) == 1
    assert budget.left_out(60) == [LeftOut("refused", 1000 - BURST, 1000 - BURST)]


def test_its_memory_of_attackers_is_bounded() -> None:
    budget = LineBudget()
    for number in range(30_000):
        budget.times_to_say("refused", f"address {number}", number * 100)
    for number in range(30_000):
        budget.times_to_say("refused", f"more {number}", 3_000_000)
    assert len(budget._said) == 10_000
    assert len(budget._purses["refused"].senders) == 10_000


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.7", "198.51.100.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:198.51.100.7", "198.51.100.7"),
        ("not: an address", "not: an address"),
    ],
)
def test_of_ipv6_the_network_counts_since_one_machine_has_all_of_it(address: str, network: str) -> None:
    assert network_of(address) == network
