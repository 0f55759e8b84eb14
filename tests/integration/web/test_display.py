"""Language, time zone and colours: chosen by a form that works without JavaScript, for this viewer alone."""

import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from _build.catalogues import compile_all
from store import Store
from tests.alerting import Driver
from tests.fake_clock import FakeClock
from tests.integration.web.test_firing import hashes_nothing, say
from tests.integration.web.test_language import page, reader_of
from web.overview.page import _KINDS

STATIC = Path(__file__).parents[3] / "web" / "static"


@pytest.fixture
def driver(store: Store, clock: FakeClock) -> Driver:
    return Driver(store, clock)


def choose(client: FlaskClient, **chosen: str) -> None:
    token = re.search(r'name="csrf_token" value="([^"]+)"', page(client, "/display"))
    assert token
    answer = client.post("/display", data={"csrf_token": token[1], **chosen})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/display?done=saved")
    assert "HttpOnly" in str(answer.headers.getlist("Set-Cookie"))


def test_a_viewer_chooses_and_gets_it_on_every_page(ada: FlaskClient, driver: Driver) -> None:
    compile_all()
    say(driver, "rig1", hashrate=1e6)
    choose(ada, language="es", zone="Asia/Kolkata", theme="dark")
    for path in ("/", "/incidents", "/node/main/rig1", "/display"):
        assert '<html lang="es" data-theme="dark">' in page(ada, path)
    assert '<meta name="color-scheme" content="dark">' in page(ada, "/")
    # START is 08:53:20 UTC.
    assert "2025-10-09 14:23:20</time> Asia/Kolkata" in page(ada, "/")
    choose(ada, language="", zone="", theme="")
    assert '<html lang="en">' in page(ada, "/")
    assert "2025-10-09 08:53:20</time> UTC" in page(ada, "/")


def test_what_is_kept_for_one_zone_is_not_shown_in_another(app: Flask, ada: FlaskClient, driver: Driver) -> None:
    hashes_nothing(driver, "rig1")
    other = reader_of(app)
    choose(other, zone="Asia/Tokyo")
    for path in ("/live", "/wall/live", "/node/main/rig1/live", "/incidents/live"):
        both = [
            re.findall(r'title=\\?"(2025-[^"\\]+)', page(client, path)) for client in (ada, other) for _ in range(2)
        ]
        assert both[0] == both[1]
        assert both[2] == both[3]
        assert both[0] != both[2], path


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../../etc/passwd", "Europe", "x" * 5000, "a\0b"])
def test_a_zone_that_does_not_exist_is_no_choice(ada: FlaskClient, zone: str) -> None:
    choose(ada, zone=zone, theme="purple", language="xx")
    assert '<html lang="en">' in page(ada, "/display")
    assert ada.get_cookie("rigwatch_zone") is None
    ada.set_cookie("rigwatch_zone", "../../etc/passwd")
    assert "</time> UTC" in page(ada, "/")


def test_rows_are_kept_for_so_many_kinds_of_viewers_and_no_more(ada: FlaskClient, driver: Driver) -> None:
    say(driver, "rig1", hashrate=1e6)
    for hour in range(-2, _KINDS):
        ada.set_cookie("rigwatch_zone", f"Etc/GMT{hour:+d}")
        assert f"Etc/GMT{hour:+d}" in page(ada, "/")


@pytest.mark.parametrize("sheet", ["rigwatch.css", "history.css"])
def test_dark_is_the_same_by_choice_as_by_the_system(sheet: str) -> None:
    text = (STATIC / sheet).read_text()
    blocks = [
        re.findall(r"(--[\w-]+): ([^;]+);", block)
        for block in re.findall(r':root(?::not\(\[data-theme\]\)|\[data-theme="dark"\]) \{([^}]*)\}', text)
    ]
    # A third is of paper.
    assert len(blocks) >= 2
    assert blocks[0] == blocks[1]
    assert blocks[0]
