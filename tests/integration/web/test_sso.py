"""Single sign-on by a proxy's header: believed of the proxies that the settings name, and of nobody else."""

from collections.abc import Callable

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.settings import ServerSettings, WebSettings
from store import Store, users
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, PASSWORD, basic
from tests.integration.web.logging_in import BROWSER, logged_in, proof_in, send_login
from tests.integration.web.test_login import lines
from web.app import create_app

PROXY = "10.0.0.9"
Made = Callable[..., FlaskClient]


@pytest.fixture
def made(store: Store, clock: FakeClock, home: Home) -> Made:
    """A browser behind the proxy, or at `peer`."""
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)

    def make(*, peer: str = PROXY, header: str = "X-Forwarded-User", creates: bool = False) -> FlaskClient:
        web = WebSettings(trusted_proxies=("10.0.0.0/8",), sso_header=header, sso_create=creates)
        client = create_app(ServerSettings(web=web), store, clock=clock, home=home).test_client()
        client.environ_base["REMOTE_ADDR"] = peer
        return client

    return make


def get(client: FlaskClient, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.get("/account", headers={**BROWSER, **named})


def test_whom_the_proxy_names_is_that_user(made: Made, store: Store) -> None:
    page = get(made(), X_Forwarded_User="ada")
    assert page.status_code == 200
    assert 'title="Logged in as ada (viewer)"' in page.text
    assert "Set-Cookie" not in page.headers
    assert lines(store) == []
    assert 'title="Logged in as root (admin)"' in get(made(), X_Forwarded_User="root").text
    assert get(made(header="Remote-User"), Remote_User="ada").status_code == 200


@pytest.mark.parametrize("peer", ["192.0.2.7", "127.0.0.1", "::1", ""])
def test_of_anybody_else_the_header_is_taken_away(made: Made, store: Store, peer: str) -> None:
    answer = get(made(peer=peer, creates=True), X_Forwarded_User="root", X_Forwarded_For=PROXY)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?next=/account")
    with store.read() as tx:
        assert [each.name for each in users.every(tx)] == ["ada", "root"]


def test_it_is_off_until_it_is_set(made: Made) -> None:
    for header in ("X-Forwarded-User", "Remote-User", "X-Remote-User"):
        assert get(made(header=""), **{header.replace("-", "_"): "root"}).status_code == 303
    assert get(made(), Remote_User="root").status_code == 303


@pytest.mark.parametrize("name", ["eve", "ADA", "ada,root", "root, ada", "ada ", "ä", "a" * 500])
def test_who_is_not_a_user_is_told_so_and_not_let_in(made: Made, store: Store, name: str) -> None:
    answer = get(made(), X_Forwarded_User=name)
    assert answer.status_code == 403
    with store.read() as tx:
        assert [each.name for each in users.every(tx)] == ["ada", "root"]


def test_who_is_new_becomes_a_viewer_where_the_settings_say_so(made: Made, store: Store) -> None:
    client = made(creates=True)
    for _ in range(2):
        page = get(client, X_Forwarded_User="eve")
        assert 'title="Logged in as eve (viewer)"' in page.text
    assert lines(store) == [("eve", "user.add", "eve", "viewer, from the proxy")]
    with store.read() as tx:
        eve = users.need(tx, "eve")
    assert eve.role is UserRole.VIEWER
    for password in ("", "eve", PASSWORD, eve.password_hash):
        assert client.get("/", headers=basic("eve", password)).status_code == 401
        assert send_login(client, "eve", password).status_code == 403
    assert client.get("/admin/users", headers={"X-Forwarded-User": "eve"}).status_code == 403


@pytest.mark.parametrize("name", ["a:b", "x" * 65, "a,b", "\x7f", "token:ci"])
def test_a_name_that_cannot_be_becomes_nobody(made: Made, store: Store, name: str) -> None:
    assert get(made(creates=True), X_Forwarded_User=name).status_code == 403
    with store.read() as tx:
        assert [each.name for each in users.every(tx)] == ["ada", "root"]


def test_a_change_by_whom_the_proxy_names_needs_the_proof_of_a_form(made: Made, store: Store) -> None:
    client = made(creates=True)
    headers = {**BROWSER, "X-Forwarded-User": "root"}
    form = {"name": "ada", "role": "admin"}
    assert client.post("/admin/users/role", data=form, headers=headers).status_code == 403
    with store.read() as tx:
        assert users.need(tx, "ada").role is UserRole.VIEWER
    proof = proof_in(client.get("/account", headers=headers))
    right = {**form, "csrf_token": proof}
    assert (
        client.post("/admin/users/role", data=right, headers={**headers, "X-Forwarded-User": "ada"}).status_code == 403
    )
    assert client.post("/admin/users/role", data=right, headers=headers).status_code == 303


def test_the_proxys_word_counts_before_a_session_of_somebody_else(made: Made) -> None:
    client = logged_in(made(), "root")
    assert 'title="Logged in as ada (viewer)"' in get(client, X_Forwarded_User="ada").text
    assert 'title="Logged in as root (admin)"' in get(client).text
