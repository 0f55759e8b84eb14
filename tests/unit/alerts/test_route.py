"""Which severities and sites a channel takes."""

import pytest

from alerts.route import Route
from alerts.rule import SEVERITIES, Severity

BAD = Route("bad", frozenset({"critical"}))
HALL = Route("hall", sites=frozenset({"hall"}))


@pytest.mark.parametrize("severity", SEVERITIES)
def test_a_channel_without_limits_takes_all(severity: Severity) -> None:
    assert Route("all").takes(severity, ())
    assert Route("all").takes(severity, ("hall",))


def test_a_channel_takes_only_its_severities() -> None:
    assert BAD.takes(Severity.CRITICAL, ("hall",))
    assert not BAD.takes(Severity.WARNING, ("hall",))


def test_a_channel_takes_only_its_sites_and_what_is_about_none() -> None:
    assert HALL.takes(Severity.INFO, ("attic", "hall"))
    assert HALL.takes(Severity.INFO, ())
    assert not HALL.takes(Severity.INFO, ("attic",))


def test_a_channel_takes_only_what_fits_both() -> None:
    both = Route("both", frozenset({"critical"}), frozenset({"hall"}))
    assert both.takes(Severity.CRITICAL, ("hall",))
    assert not both.takes(Severity.CRITICAL, ("attic",))
    assert not both.takes(Severity.WARNING, ("hall",))
