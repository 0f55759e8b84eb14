"""When certificates end, as people are told of it."""

from datetime import timedelta
from pathlib import Path

import pytest

from rigwatch.home import Home
from rigwatch.settings.server import BrokerSettings, ServerSettings
from rigwatch.tls import certificate_paths
from rigwatch.validity import expiring
from tests.fake_clock import START

DAY = 24 * 3600 * 1000
BEFORE = timedelta(days=21)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.prepare()
    return made


def test_the_end_of_the_authority_is_told_a_year_before_with_what_to_do(home: Home) -> None:
    settings = ServerSettings()
    assert expiring(home, settings, START, BEFORE) == {}, "nothing is in use yet, and nothing is made by looking"
    certificate_paths(home, [], START)
    end = START + 30 * 365 * DAY
    assert expiring(home, settings, end - 366 * DAY, BEFORE) == {}
    told = expiring(home, settings, end - 364 * DAY, BEFORE)["rigwatch's own authority"]
    assert "in 364 days" in told
    assert "rigwatch enroll" in told
    assert "ended on" in expiring(home, settings, end + DAY, BEFORE)["rigwatch's own authority"]


def test_the_end_of_a_certificate_of_ones_own_is_told_as_long_before_as_is_set(home: Home) -> None:
    certificate_paths(home, [], START)
    (home.path / "own.pem").write_bytes((home.tls / "server.pem").read_bytes())
    settings = ServerSettings(broker=BrokerSettings(tls_certificate="own.pem", tls_key="own.pem"))
    end = START + 397 * DAY
    assert expiring(home, settings, end - 22 * DAY, BEFORE) == {}
    told = expiring(home, settings, end - 20 * DAY, BEFORE)
    assert list(told) == ["the broker's certificate"]
    assert "in 20 days; renew it" in told["the broker's certificate"]
    assert "valid from" in expiring(home, settings, START - 30 * DAY, BEFORE)["the broker's certificate"]


def test_a_file_that_is_none_is_named(home: Home) -> None:
    (home.path / "own.pem").write_text("nothing")
    settings = ServerSettings(broker=BrokerSettings(tls_certificate="own.pem", tls_key="own.pem"))
    (told,) = expiring(home, settings, START, BEFORE).values()
    assert "own.pem: cannot be read as a PEM certificate" in told
