"""Times in the zone that the settings name."""

import logging

import pytest

from tests.fake_clock import START
from web.zone import Zone


def test_moments_are_written_in_the_zone() -> None:
    assert Zone.find("UTC").full(START) == "2025-10-09 08:53:20"
    assert Zone.find("Europe/Berlin").full(START) == "2025-10-09 10:53:20"
    assert Zone.find("Asia/Kolkata").minute(START) == "14:23"


@pytest.mark.parametrize("name", ["Mars/Olympus", "Europe", "../../etc/passwd", "", "/etc/passwd", "a\0b"])
def test_a_zone_that_does_not_exist_is_utc_with_a_warning(name: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        zone = Zone.find(name)
    assert (zone.name, zone.unknown) == ("UTC", name)
    assert zone.full(START) == "2025-10-09 08:53:20"
    assert "time zone unknown" in caplog.text
