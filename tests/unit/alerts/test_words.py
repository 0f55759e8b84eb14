"""Figures as messages say them."""

from zoneinfo import ZoneInfo

import pytest

from alerts.incident import Spell
from alerts.words import duration, figures, hashrate, moment, spelled
from rigwatch.messages import Sample
from tests.fake_clock import START


@pytest.mark.parametrize(
    ("span", "said"),
    [
        (-5, "0 s"), (0, "0 s"), (1, "0.0 s"), (500, "0.5 s"), (1000, "1 s"), (8_550, "8.6 s"), (9_400, "9.4 s"),
        (9_500, "10 s"), (10_400, "10 s"), (59_000, "59 s"), (60_000, "1 min"), (61_000, "1 min 1 s"),
        (3_600_000, "1 h"), (3_665_000, "1 h 1 min"), (86_400_000, "1 d"), (86_405_000, "1 d 5 s"),
        (98_405_000, "1 d 3 h"),
    ],
)  # fmt: skip
def test_a_duration_has_its_two_largest_units(span: int, said: str) -> None:
    assert duration(span) == said


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        (0.0, "0 H/s"), (999.0, "999 H/s"), (1000.0, "1 kH/s"), (45.24e6, "45.24 MH/s"), (-2000.0, "-2 kH/s"),
        (9.5e20, "950 EH/s"), (1e21, "1000 EH/s"), (5e24, "5e+06 EH/s"),
    ],
)  # fmt: skip
def test_a_hashrate_has_the_prefix_that_makes_it_short(rate: float, said: str) -> None:
    assert hashrate(rate) == said


def test_a_moment_has_its_date_where_it_is_not_todays() -> None:
    # START is 2025-10-09 10:53:20 in Berlin.
    berlin = ZoneInfo("Europe/Berlin")
    assert moment(START, berlin, START) == "10:53:20"
    assert moment(START, berlin, START + 13 * 3_600_000) == "10:53:20"
    assert moment(START, berlin, START + 14 * 3_600_000) == "2025-10-09 10:53:20"
    assert moment(START, berlin, START - 11 * 3_600_000) == "2025-10-09 10:53:20"


def test_spells_are_counted_from_the_first_to_the_last_with_the_longest() -> None:
    spells = [Spell(START + since, START + until) for since, until in ((0, 3000), (10_000, 18_000), (55_000, 60_000))]
    assert spelled(spells) == "3 times in 1 min, longest 8 s"


def test_of_a_sample_is_said_what_is_known() -> None:
    assert figures(Sample(n=1, at=1)) == "no figures"
    full = Sample(n=1, at=1, hashrate=45.2e6, peers=0, block=534211, temperature=60.6, power=118.2)
    assert figures(full) == "45.2 MH/s, 0 peers, block 534211, 61 °C, 118 W"
    assert figures(Sample(n=1, at=1, peers=3, power=0.0)) == "3 peers, 0 W"
