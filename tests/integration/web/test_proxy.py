"""What a proxy in front says of the client is believed where the settings name it, and of nobody else."""

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rigwatch.home import Home
from rigwatch.settings import ServerSettings, WebSettings
from store import Store
from tests.fake_clock import FakeClock
from tests.integration.web.conftest import basic
from tests.rigs import birth, rig
from web.access.guesses import GUESSES
from web.app import create_app

PROXY = "10.0.0.9"
CLIENT = "192.0.2.7"


@pytest.fixture
def behind(store: Store, clock: FakeClock, home: Home) -> FlaskClient:
    """Trusts 10.0.0.0/8 and one IPv6 address."""
    web = WebSettings(trusted_proxies=("10.0.0.0/8", "2001:db8::5"))
    return create_app(ServerSettings(web=web), store, clock=clock, home=home).test_client()


def guess(client: FlaskClient, peer: str, chain: str, times: int = GUESSES.amount) -> int:
    """The status of the last of so many wrong passwords."""
    status = 0
    for _ in range(times):
        status = client.get(
            "/",
            headers={**basic(password="wrong"), "X-Forwarded-For": chain},
            environ_overrides={"REMOTE_ADDR": peer},
        ).status_code
    return status


def is_let_in(client: FlaskClient, peer: str, chain: str) -> bool:
    headers = {**basic(), "X-Forwarded-For": chain}
    return client.get("/", headers=headers, environ_overrides={"REMOTE_ADDR": peer}).status_code == 200


@pytest.mark.parametrize(
    ("peer", "chain"),
    [
        (PROXY, CLIENT),
        (PROXY, f"{CLIENT}, 10.1.1.1, 10.2.2.2"),
        (PROXY, f"198.51.100.1, {CLIENT}"),
        (PROXY, f"10.5.5.5, {CLIENT}, 10.1.1.1"),
        (PROXY, f"{CLIENT}:4711"),
        ("2001:db8::5", CLIENT),
        ("::ffff:10.0.0.9", CLIENT),
    ],
)
def test_guesses_through_a_trusted_proxy_count_for_the_client(behind: FlaskClient, peer: str, chain: str) -> None:
    guess(behind, peer, chain)
    assert not is_let_in(behind, PROXY, CLIENT)
    assert is_let_in(behind, PROXY, "192.0.2.8")
    assert is_let_in(behind, PROXY, "")


@pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "2001:db8::6", ""])
def test_of_anybody_else_it_is_ignored(behind: FlaskClient, peer: str) -> None:
    for each in range(GUESSES.amount):
        guess(behind, peer, f"203.0.113.{each}", times=1)
    assert not is_let_in(behind, peer, "203.0.113.99")


def test_a_client_cannot_choose_whom_its_guesses_count_for(behind: FlaskClient) -> None:
    for each in range(GUESSES.amount):
        guess(behind, PROXY, f"203.0.113.{each}, {CLIENT}", times=1)
    assert not is_let_in(behind, PROXY, CLIENT)
    assert is_let_in(behind, PROXY, "203.0.113.1")


def test_nonsense_counts_for_the_proxy_that_passed_it_on(behind: FlaskClient) -> None:
    guess(behind, PROXY, f"{CLIENT}, unknown")
    assert not is_let_in(behind, PROXY, "")
    assert is_let_in(behind, PROXY, CLIENT)


def test_without_the_setting_nobody_is_believed(app: Flask) -> None:
    client = app.test_client()
    for each in range(GUESSES.amount):
        guess(client, "127.0.0.1", f"203.0.113.{each}", times=1)
    assert not is_let_in(client, "127.0.0.1", "203.0.113.99")


def test_the_prefix_of_a_trusted_proxy_is_in_every_link(behind: FlaskClient) -> None:
    said = {**basic(), "X-Forwarded-Prefix": "/rigs", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "mine.example"}
    trusted = behind.get("/", headers=said, environ_overrides={"REMOTE_ADDR": PROXY}).text
    assert 'href="/rigs/"' in trusted
    assert 'href="/rigs/static/' in trusted
    other = behind.get("/", headers=said, environ_overrides={"REMOTE_ADDR": CLIENT}).text
    assert "/rigs/" not in other


def test_what_is_kept_for_who_comes_through_a_proxy_is_not_shown_to_others(behind: FlaskClient, store: Store) -> None:
    store.take([rig("rig1").heard(birth())])
    said = {**basic(), "X-Forwarded-Prefix": "/rigs"}
    for path in ("/", "/live", "/wall/live", "/node/main/rig1/live"):
        proxied = behind.get(path, headers=said, environ_overrides={"REMOTE_ADDR": PROXY}).text
        direct = behind.get(path, headers=basic(), environ_overrides={"REMOTE_ADDR": CLIENT}).text
        assert "/rigs/" not in direct, path
        if path != "/wall/live":
            assert "/rigs/" in proxied, path


def test_a_chart_knows_below_which_prefix_its_incidents_are(behind: FlaskClient, store: Store) -> None:
    store.take([rig("rig1").heard(birth())])
    said = {**basic(), "X-Forwarded-Prefix": "/rigs"}
    page = behind.get("/compare?node=main/rig1", headers=said, environ_overrides={"REMOTE_ADDR": PROXY}).text
    assert 'data-incidents="/rigs/incidents"' in page
