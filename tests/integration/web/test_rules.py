"""Rules, colours, time zone and retention set up in the page, on each database."""

import html
import re
from datetime import timedelta

import pytest
from flask import Flask

from alerts.facts import User, UserRole
from rigwatch.clock import Millis, SystemClock
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.layers import LayeredSettings, ServerLayers
from rigwatch.messages import Report, Sample
from store import Store, page_settings, users
from tests.fake_clock import START, FakeClock
from tests.integration.conftest import OpenStore
from tests.integration.web.conftest import HASH, basic
from tests.integration.web.test_admin import Root, said
from tests.rigs import birth, rig
from tests.waiting import eventually

MINUTE = 60_000


@pytest.fixture
def store(open_another: OpenStore, home: Home, database_url: str) -> Store:
    MasterKey.random().save(home.secret_key)
    # For the command that looks at the past.
    home.server_toml.write_text(f"[database]\nurl = '{database_url}'\n")
    opened = open_another()
    with opened.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
        users.add(tx, User("ada", UserRole.VIEWER, HASH), START)
    opened.take([rig("rig1").heard(birth(), START)])
    return opened


@pytest.fixture
def root(app: Flask, store: Store) -> Root:
    return Root(app, store)


def layered(store: Store, home: Home) -> LayeredSettings:
    with store.read() as tx:
        return page_settings.layered(tx, ServerLayers(home, {}))


def words(page: str, about: str) -> str:
    """A row of a table, or a field of a form, as words."""
    found = next(
        (each for each in re.findall(r"<(?:tr|label)>.*?</(?:tr|label)>", page, re.DOTALL) if about in each), ""
    )
    assert found, page
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", found)).split())


def report(store: Store, minutes: range, degrees: float, at_end: Millis) -> None:
    made = rig("rig1")
    for minute in minutes:
        at = at_end - minute * MINUTE
        store.take([made.heard(Report(1, at, (Sample(n=at, at=at, temperature=degrees),)), at)])


def test_each_place_shows_what_counts_there_and_where_it_is_from(root: Root, store: Store, home: Home) -> None:
    assert "85 °C 1 min critical default" in words(root.page("/admin/rules"), "<code>hot</code>")
    root.send("/admin/rules/hot/set", threshold="90", hold="2m")
    saved = root.send("/admin/rules/hot/set", site="main", threshold="92")
    assert "It is saved" in root.page(saved.location)
    root.send("/admin/rules/hot/set", site="main", node="rig1", severity="warning")
    assert "90 °C 2 min critical the page" in words(root.page("/admin/rules"), "<code>hot</code>")
    of_site = words(root.page("/admin/rules?site=main"), "<code>hot</code>")
    assert "92 °C 2 min critical the page, for main; the page" in of_site
    of_node = words(root.page("/admin/rules?node=main/rig1"), "<code>hot</code>")
    assert "92 °C 2 min warning" in of_node
    assert "the page, for main/rig1" in of_node
    alerts = layered(store, home).settings.alerts
    assert (alerts.hot.threshold, alerts.site["main"].hot.threshold) == (90, 92)
    assert alerts.node["main/rig1"].hot.severity == "warning"
    assert said(store) == [
        ("setting.set", "alerts.hot", "threshold not set → 90, hold not set → 2m"),
        ("setting.set", "alerts.site.main.hot.threshold", "threshold not set → 92"),
        ("setting.set", "alerts.node.main/rig1.hot.severity", "severity not set → warning"),
    ]
    # Taken away, the next wider place counts.
    root.send("/admin/rules/hot/set", site="main", threshold="")
    assert "90 °C" in words(root.page("/admin/rules?site=main"), "<code>hot</code>")


def test_what_the_file_sets_is_shown_and_refused(root: Root, store: Store, home: Home) -> None:
    home.server_toml.write_text(
        home.server_toml.read_text() + "[alerts.hot]\nthreshold = 80\n[web]\ntimezone = 'UTC'\n"
    )
    page = root.page("/admin/rules/hot")
    assert "Set by server.toml, line 4: change it there." in words(page, "Threshold")
    assert 'name="threshold"' not in page
    assert "is set by server.toml, line 4" in root.refusal("/admin/rules/hot/set", threshold="90")
    # For one node it may be otherwise.
    root.send("/admin/rules/hot/set", node="rig1", site="main", threshold="90")
    assert layered(store, home).settings.alerts.node["main/rig1"].hot.threshold == 90
    assert "UTC · server.toml, line 6" in words(root.page("/admin/display"), "Time zone")
    refused = root.send("/admin/display", **{"web.timezone": "Asia/Tokyo"})
    assert refused.status_code == 400
    assert len(said(store)) == 1


@pytest.mark.parametrize(
    "case",
    [
        ({"threshold": "hot"}, "threshold: should be a number"),
        ({"often": "6.7"}, "alerts.hot.often: expected"),
        ({"hold": "soon"}, "alerts.hot.hold: write a duration as a number and a unit"),
        ({"hold": "400d"}, "alerts.hot.hold: should be from 0s to 30d"),
        ({"severity": "awful"}, "alerts.hot.severity: should be 'info' or 'warning' or 'critical'"),
        ({}, "Nothing is different"),
        ({"site": "a b", "threshold": "3"}, None),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    root: Root, store: Store, home: Home, case: tuple[dict[str, str], str | None]
) -> None:
    (form, why), before = case, layered(store, home)
    for verb in ("set", "try"):
        if why is None:
            assert root.send(f"/admin/rules/hot/{verb}", **form).status_code == 400
        else:
            assert why in root.refusal(f"/admin/rules/hot/{verb}", **form)
    assert layered(store, home) == before
    assert root.send("/admin/rules/nothing/set", threshold="1").status_code == 404


def test_a_change_is_set_against_the_last_week_before_it_is_saved(
    root: Root, store: Store, home: Home, clock: FakeClock
) -> None:
    # The command goes by the clock of the machine.
    now = SystemClock().now()
    store.take([rig("rig1").heard(birth(2), now - 130 * MINUTE)])
    report_at = range(120, 0, -1)
    made = rig("rig1")
    for minute in report_at:
        at = now - minute * MINUTE
        sample = Sample(n=at, at=at, temperature=88.0 if minute > 60 else 60.0)
        store.take([made.heard(Report(2, at, (sample,)), at)])
    begun = root.send("/admin/rules/hot/try", threshold="95")
    assert begun.status_code == 303
    assert "The last week is looked at…" in root.page(begun.location)
    assert "Another look at the past is running" in root.refusal("/admin/rules/hot/try", threshold="96")
    eventually(lambda: "As it is" in root.page(begun.location), timeout=60)
    page = root.page(begun.location)
    assert "1 incidents as it is, 0 with the change." in page
    assert "main/rig1 is too hot" in words(page, "88")
    assert "Nobody would have been told." in page
    assert layered(store, home).settings.alerts.hot.threshold is None
    root.send("/admin/rules/hot/set", threshold="95")
    assert layered(store, home).settings.alerts.hot.threshold == 95
    assert clock.now() == START


def test_colours_and_zone_are_set_checked_together_and_taken_back(root: Root, store: Store, home: Home) -> None:
    assert "should fall in this order" in root.refusal("/admin/display", **{"web.colours.peers_green": "5"})
    assert "should be a name such as" in root.refusal("/admin/display", **{"web.timezone": "Europe/Nowhere"})
    assert "should be a number" in root.refusal("/admin/display", **{"web.colours.hashrate_green": "inf"})
    assert "should be a time such as" in root.refusal("/admin/display", **{"web.colours.age_green": "3"})
    root.send("/admin/display", **{"web.colours.peers_green": "30", "web.timezone": "Asia/Tokyo"})
    web = layered(store, home).settings.web
    assert (web.colours.peers_green, web.timezone) == (30, "Asia/Tokyo")
    assert "30 · the page" in words(root.page("/admin/display"), "web.colours.peers_green")
    root.send("/admin/display", **{"web.colours.peers_green": ""})
    assert layered(store, home).settings.web.colours.peers_green == 20
    assert said(store) == [
        ("setting.set", "web", "colours.peers_green not set → 30, timezone not set → Asia/Tokyo"),
        ("setting.set", "web.colours.peers_green", "peers_green 30 → not set"),
    ]


def test_a_shorter_retention_says_what_it_deletes_and_asks(
    root: Root, store: Store, home: Home, clock: FakeClock
) -> None:
    report(store, range(300, 0, -1), 60.0, clock.now())
    longer = root.send("/admin/display", **{"database.keep": "7d"})
    assert longer.status_code == 303
    asked = root.send("/admin/display", **{"database.keep": "2h"})
    assert asked.status_code == 200
    assert "Keep samples for 2h only?" in asked.text
    count = re.search(r"Within a minute (\d+) samples are deleted of 300 in all", asked.text)
    assert count, asked.text
    assert 100 < int(count[1]) < 200
    assert layered(store, home).settings.database.keep == timedelta(days=7)
    root.send("/admin/display", sure="yes", **{"database.keep": "2h"})
    assert layered(store, home).settings.database.keep == timedelta(hours=2)
    assert said(store)[-1] == ("setting.set", "database.keep", "keep 7d → 2h")


def test_a_viewer_changes_nothing_and_neither_does_another_sites_form(
    app: Flask, root: Root, store: Store, home: Home
) -> None:
    root.send("/admin/rules/hot/set", threshold="90")
    before, viewer = layered(store, home), app.test_client()
    for path in ("/admin/rules", "/admin/rules/hot", "/admin/display"):
        assert viewer.get(path, headers=basic()).status_code == 403
    for path in ("/admin/rules/hot/set", "/admin/rules/hot/try", "/admin/display"):
        form = {"threshold": "1", "database.keep": "1h", "sure": "yes"}
        assert viewer.post(path, headers=basic(), data=form).status_code == 403
        assert viewer.post(path, headers=basic("root"), data=form).status_code == 403
    assert layered(store, home) == before
