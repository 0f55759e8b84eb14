"""A dashboard that runs while its settings change: in the page, in the file, and wrongly."""

from functools import partial

import pytest
from werkzeug.test import Client

from alerts.facts import User, UserRole
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.settings import ServerSettings
from store import Store, acts, users
from store.acts import Actor, Way
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, basic
from tests.rigs import birth, rig
from web.app import create_app
from web.renewing import LOOK_S, RenewingApp

ROOT = Actor("root", Way.PAGE)


@pytest.fixture
def renewing(store: Store, clock: FakeClock, home: Home) -> RenewingApp:
    home.server_toml.write_text("", "utf-8")
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    store.take([rig("rig1").heard(birth())])
    make = partial(create_app, store=store, clock=clock, home=home)
    return RenewingApp(ServerSettings(), store, layers=ServerLayers(home, {}), clock=clock, make=make)


def page(app: RenewingApp, path: str = "/") -> str:
    return Client(app).get(path, headers=basic()).text


def set_zone(store: Store, home: Home, zone: str, now: Millis = START) -> None:
    with store.write() as tx:
        acts.settings.change(tx, ROOT, now, {("web", "timezone"): zone}, layers=ServerLayers(home, {}))


def test_what_is_set_in_the_page_counts_within_a_second(
    renewing: RenewingApp, store: Store, home: Home, clock: FakeClock
) -> None:
    assert "UTC" in page(renewing)
    set_zone(store, home, "Asia/Tokyo")
    clock.move(LOOK_S)
    assert "Asia/Tokyo" in page(renewing)


def test_the_file_wins_and_is_followed_as_well(
    renewing: RenewingApp, store: Store, home: Home, clock: FakeClock
) -> None:
    set_zone(store, home, "Asia/Tokyo")
    home.server_toml.write_text("[web]\ntimezone = 'Europe/Zurich'\nport = 1\n", "utf-8")
    clock.move(LOOK_S)
    assert "Europe/Zurich" in page(renewing)
    home.server_toml.write_text("[web]\n", "utf-8")
    clock.move(LOOK_S)
    assert "Asia/Tokyo" in page(renewing)


def test_a_file_that_is_wrong_changes_nothing_and_is_named_once(
    renewing: RenewingApp, home: Home, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    home.server_toml.write_text("[webb]\n", "utf-8")
    for _ in range(3):
        clock.move(LOOK_S)
        assert "UTC" in page(renewing)
    assert len([each for each in caplog.records if "are not taken over" in each.getMessage()]) == 1
    home.server_toml.write_text("[web]\ntimezone = 'Asia/Tokyo'\n", "utf-8")
    clock.move(LOOK_S)
    assert "Asia/Tokyo" in page(renewing)


def test_who_changes_something_sees_it_at_once(renewing: RenewingApp, store: Store, home: Home) -> None:
    assert "UTC" in page(renewing)
    set_zone(store, home, "Asia/Tokyo")
    assert "Asia/Tokyo" not in page(renewing)
    # Whatever it was that was sent.
    Client(renewing).post("/admin/nodes", headers=basic())
    assert "Asia/Tokyo" in page(renewing)
