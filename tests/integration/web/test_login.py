"""Logging in by a page: what lets one in, what ends it, and what is refused without anything having changed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from rigwatch.clock import in_millis
from rigwatch.home import Home
from rigwatch.settings import ServerSettings, WebSettings
from store import Store, audit, login_sessions, users
from store.audit import AuditFilter
from store.login_sessions import LoginSession
from store.transaction import Transaction
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, PASSWORD, basic
from tests.integration.web.logging_in import BROWSER, cookie_of, logged_in, proof_in, send_login
from tests.rigs import birth, rig
from web.access import csrf, passwords
from web.access.guesses import GUESSES, NOTED_IN_ALL
from web.app import create_app

NEW = "a longer password"
TLS = "https://localhost"


def sessions(store: Store, name: str = "ada") -> list[LoginSession]:
    with store.read() as tx:
        return login_sessions.of(tx, name)


def lines(store: Store) -> list[tuple[str, str, str, str]]:
    """Oldest first, without the moment."""
    with store.read() as tx:
        return [(each.who, each.action, each.subject, each.detail) for each in audit.page(tx, AuditFilter(), 100)[::-1]]


def set_cookies(answer: TestResponse, name: str) -> list[str]:
    return [each for each in answer.headers.getlist("Set-Cookie") if each.startswith(f"{name}=")]


def is_in(client: FlaskClient) -> bool:
    return client.get("/", headers=BROWSER).status_code == 200


@pytest.fixture
def browser(stranger: FlaskClient) -> FlaskClient:
    return logged_in(stranger)


# in and out


def test_a_person_is_led_to_the_login_page_and_back(stranger: FlaskClient) -> None:
    asked = stranger.get("/?status=lost&q=a%20b", headers=BROWSER)
    assert (asked.status_code, asked.headers["Location"]) == (303, "/login?next=/?status%3Dlost%26q%3Da%2520b")
    assert "WWW-Authenticate" not in asked.headers
    page = stranger.get(asked.headers["Location"], headers=BROWSER)
    assert 'name="next" value="/?status=lost&amp;q=a%20b"' in page.text
    answer = send_login(stranger, next="/?status=lost&q=a%20b")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/?status=lost&q=a%20b")
    assert 'title="Logged in as ada (viewer)"' in stranger.get("/", headers=BROWSER).text


@pytest.mark.parametrize("path", ["/", "/wall", "/admin/", "/nothing", "/node/main/rig1", "/api/v1/fleet"])
def test_a_program_gets_401_and_is_asked_for_basic(stranger: FlaskClient, path: str) -> None:
    for accept in ("*/*", "application/json", None):
        answer = stranger.get(path, headers={"Accept": accept} if accept else {})
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Basic realm="rigwatch"')


def test_no_window_of_the_browser_asks_for_a_password(stranger: FlaskClient) -> None:
    """Neither for a page nor for what the page's own scripts ask."""
    fetched = {"Accept": "*/*", "Accept-Language": "en"}
    for answer in (
        stranger.get("/live", headers=fetched),
        stranger.get("/live", headers={"Accept": "*/*", "Sec-Fetch-Mode": "cors"}),
        stranger.post("/quiet", headers=BROWSER),
    ):
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, 'Bearer realm="rigwatch"')
    # One that says Basic of its own accord has asked for it.
    refused = stranger.get("/", headers={**BROWSER, **basic(password="wrong")})
    assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, 'Basic realm="rigwatch"')


def test_a_login_is_stored_as_a_hash_and_noted(browser: FlaskClient, store: Store, home: Home) -> None:
    (session,) = sessions(store)
    assert session.hash == login_sessions.hash_of(cookie_of(browser))
    assert cookie_of(browser).encode() not in home.database.read_bytes()
    assert lines(store) == [("ada", "user.login", "ada", "")]


def test_logging_out_ends_it_on_the_server(app: Flask, browser: FlaskClient, store: Store) -> None:
    cookie = cookie_of(browser)
    proof = proof_in(browser.get("/", headers=BROWSER))
    answer = browser.post("/logout", data={"csrf_token": proof}, headers=BROWSER)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login?done=out")
    assert not cookie_of(browser)
    assert sessions(store) == []
    assert lines(store)[-1] == ("ada", "user.logout", "ada", "")
    copied = app.test_client()
    copied.set_cookie("rigwatch_login", cookie)
    assert not is_in(copied)


def test_who_is_in_already_is_led_on(browser: FlaskClient) -> None:
    assert browser.get("/login?next=/wall", headers=BROWSER).headers["Location"] == "/wall"


@pytest.mark.parametrize("stays", [False, True])
def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(stranger: FlaskClient, *, stays: bool) -> None:
    answer = send_login(stranger, **({"stay": "yes"} if stays else {}))
    (cookie,) = set_cookies(answer, "rigwatch_login")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert "Secure" not in cookie
    assert ("Max-Age=2592000" in cookie) is stays
    assert answer.headers["Cache-Control"] == "no-store"


def test_over_tls_the_cookie_is_bound_to_the_host(stranger: FlaskClient) -> None:
    page = stranger.get("/login", headers=BROWSER, base_url=TLS)
    (form,) = set_cookies(page, "__Host-rigwatch_form")
    assert "SameSite=Strict" in form
    data = {"csrf_token": proof_in(page), "name": "ada", "password": PASSWORD}
    answer = stranger.post("/login", data=data, headers=BROWSER, base_url=TLS)
    (cookie,) = set_cookies(answer, "__Host-rigwatch_login")
    assert all(each in cookie for each in ("Secure", "HttpOnly", "Path=/"))
    assert stranger.get("/", headers=BROWSER, base_url=TLS).status_code == 200
    assert stranger.get("/", headers=BROWSER).status_code == 303


def test_a_cookie_that_came_in_the_clear_is_none_over_tls(browser: FlaskClient) -> None:
    assert browser.get("/", headers=BROWSER, base_url=TLS).status_code == 303
    browser.set_cookie("__Host-rigwatch_login", login_sessions.make())
    assert browser.get("/", headers=BROWSER, base_url=TLS).status_code == 303


# how long


def test_it_ends_when_nobody_uses_it(browser: FlaskClient, clock: FakeClock) -> None:
    for _ in range(3):
        clock.move(11 * 3600)
        assert is_in(browser)
    clock.move(12 * 3600)
    assert not is_in(browser)


def test_it_ends_after_its_time_however_much_it_is_used(browser: FlaskClient, clock: FakeClock) -> None:
    for _ in range(16):
        clock.move(10 * 3600)
        assert is_in(browser)
    clock.move(9 * 3600)
    assert not is_in(browser)


def test_stay_logged_in_stays_without_being_used(stranger: FlaskClient, clock: FakeClock) -> None:
    logged_in(stranger, stay="yes")
    clock.move(29 * 24 * 3600)
    assert stranger.get("/account", headers=BROWSER).status_code == 200


def test_where_it_is_not_offered_nobody_stays(store: Store, clock: FakeClock, home: Home) -> None:
    web = WebSettings(stay=timedelta(0), session_max=timedelta(hours=1), session_idle=timedelta(hours=1))
    client = create_app(ServerSettings(web=web), store, clock=clock, home=home).test_client()
    assert "Stay logged in" not in client.get("/login").text
    logged_in(client, stay="yes")
    (session,) = sessions(store)
    assert not session.stays
    assert session.expires_at == clock.now() + in_millis(timedelta(hours=1))


@pytest.mark.parametrize(
    "change",
    [
        lambda tx: users.set_password(tx, "ada", HASH.replace("$", "$x", 1)),
        lambda tx: users.set_role(tx, "ada", UserRole.ADMIN),
        lambda tx: users.remove(tx, "ada", keep_an_admin=False),
    ],
    ids=["a new password", "a new role", "removal"],
)
def test_what_an_admin_changes_ends_it_at_once(
    browser: FlaskClient, store: Store, change: Callable[[Transaction], None]
) -> None:
    assert is_in(browser)
    with store.write() as tx:
        change(tx)
    assert not is_in(browser)


# what is refused


def refused(store: Store, client: FlaskClient, answer: TestResponse, status: int = 403) -> None:
    """And nothing came of it: no session, no cookie, no line but those about the refusal."""
    assert answer.status_code == status
    assert not set_cookies(answer, "rigwatch_login")
    assert not is_in(client)
    assert sessions(store) == []
    assert {action for _, action, _, _ in lines(store)} <= {"user.refused"}


@pytest.mark.parametrize(
    ("name", "password"),
    [("ada", "wrong"), ("bob", PASSWORD), ("", PASSWORD), ("ada", ""), ("ada\0", PASSWORD), ("ada", PASSWORD + "\0")],
)
def test_a_wrong_name_or_password_is_told_in_the_same_words(
    stranger: FlaskClient, store: Store, name: str, password: str
) -> None:
    answer = send_login(stranger, name, password)
    refused(store, stranger, answer)
    assert "Name or password is wrong." in answer.text
    assert f'value="{password}"' not in answer.text or not password


def test_a_form_of_another_site_logs_nobody_in(app: Flask, stranger: FlaskClient, store: Store) -> None:
    right = {"name": "ada", "password": PASSWORD}
    refused(store, stranger, stranger.post("/login", data=right, headers=BROWSER))
    # The page of a login of the attacker's own browser, shown to another.
    token = proof_in(app.test_client().get("/login"))
    refused(store, stranger, send_login(stranger, csrf_token=token))
    stranger.get("/login")
    refused(store, stranger, send_login(stranger, csrf_token=token))
    for site in ("cross-site", "same-site"):
        proof = proof_in(stranger.get("/login"))
        headers = {**BROWSER, "Sec-Fetch-Site": site}
        refused(store, stranger, stranger.post("/login", data={**right, "csrf_token": proof}, headers=headers))
    assert send_login(stranger).status_code == 303


def test_a_form_of_another_site_logs_nobody_out(browser: FlaskClient, store: Store) -> None:
    for data in ({}, {"csrf_token": "x"}, {"csrf_token": proof_in(browser.get("/", headers=BROWSER))[:-4]}):
        assert browser.post("/logout", data=data, headers=BROWSER).status_code == 403
        assert browser.post("/account/logout-everywhere", data=data, headers=BROWSER).status_code == 403
    assert is_in(browser)
    assert len(sessions(store)) == 1
    assert browser.get("/logout", headers=BROWSER).status_code == 405


def test_a_token_of_an_earlier_login_is_none_of_the_next(app: Flask, browser: FlaskClient, store: Store) -> None:
    earlier = proof_in(browser.get("/", headers=BROWSER))
    other = logged_in(app.test_client())
    assert other.post("/logout", data={"csrf_token": earlier}, headers=BROWSER).status_code == 403
    assert len(sessions(store)) == 2


def test_an_id_that_somebody_else_has_chosen_is_never_taken(stranger: FlaskClient, store: Store) -> None:
    planted = login_sessions.make()
    stranger.set_cookie("rigwatch_login", planted)
    assert not is_in(stranger)
    logged_in(stranger)
    assert cookie_of(stranger) != planted
    assert login_sessions.hash_of(planted) not in {each.hash for each in sessions(store)}


def test_another_login_in_the_same_browser_has_an_id_of_its_own(browser: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("bob", UserRole.VIEWER, HASH), START)
    first = cookie_of(browser)
    form_cookie = browser.get_cookie("rigwatch_form")
    assert form_cookie
    # The form was open in another window.
    logged_in(browser, "bob", csrf_token=csrf.token_for_cookie(form_cookie.value))
    assert cookie_of(browser) != first
    assert sessions(store) == []
    assert len(sessions(store, "bob")) == 1


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]
)
def test_it_leads_nowhere_else(stranger: FlaskClient, where: str) -> None:
    page = stranger.get("/login", query_string={"next": where}, headers=BROWSER)
    assert "evil" not in page.text
    assert "alert" not in page.text
    assert send_login(stranger, next=where).headers["Location"] == "/"
    assert stranger.get("/login", query_string={"next": where}, headers=BROWSER).headers["Location"] == "/"


def test_after_ten_wrong_passwords_the_form_waits_and_basic_as_well(stranger: FlaskClient, store: Store) -> None:
    for _ in range(GUESSES.amount):
        assert send_login(stranger, password="wrong").status_code == 403
    waiting = send_login(stranger)
    refused(store, stranger, waiting, 429)
    assert waiting.headers["Retry-After"] == "60"
    assert "wait a minute" in waiting.text
    assert stranger.get("/", headers=basic()).status_code == 429


def test_an_unknown_name_costs_what_a_known_one_does(
    stranger: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []

    def counting(stored: str, _password: str) -> bool:
        checked.append(stored.partition("$")[0])
        return False

    monkeypatch.setattr(passwords, "check_password_hash", counting)
    with store.write() as tx:
        users.set_password(tx, "ada", passwords.hash_password("another"))
    for name in ("ada", "nobody"):
        refused(store, stranger, send_login(stranger, name))
    assert checked == ["scrypt:32768:8:1"] * 2


def test_refusals_are_noted_without_what_was_typed_and_not_without_end(stranger: FlaskClient, store: Store) -> None:
    send_login(stranger, password="battery staple")
    send_login(stranger, password="battery staple")
    send_login(stranger, "hunter2", "x")
    assert lines(store) == [
        ("127.0.0.1", "user.refused", "ada", "wrong password"),
        ("127.0.0.1", "user.refused", "an unknown user", "wrong password"),
    ]
    for number in range(30):
        stranger.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        send_login(stranger, password="wrong")
    assert len(lines(store)) == NOTED_IN_ALL.amount


def test_the_login_page_can_be_framed_by_nobody_and_kept_by_nobody(stranger: FlaskClient) -> None:
    for answer in (stranger.get("/login"), send_login(stranger, password="wrong"), send_login(stranger)):
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"


def test_it_tells_nothing_of_the_nodes(stranger: FlaskClient, store: Store) -> None:
    store.take([rig("unseen7").heard(birth())])
    page = stranger.get("/login").text
    assert "unseen7" not in page
    assert "Overview" not in page


# my account


def form(client: FlaskClient, path: str, **data: str) -> TestResponse:
    proof = proof_in(client.get("/account", headers=BROWSER))
    return client.post(path, data={"csrf_token": proof, **data}, headers=BROWSER)


def test_i_change_my_password_and_stay_in_here_alone(app: Flask, browser: FlaskClient, store: Store) -> None:
    elsewhere, before = logged_in(app.test_client()), cookie_of(browser)
    answer = form(browser, "/account/password", password=PASSWORD, new=NEW, again=NEW)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/account?done=password")
    assert "Your password is changed" in browser.get("/account?done=password", headers=BROWSER).text
    assert cookie_of(browser) != before
    assert not is_in(elsewhere)
    assert len(sessions(store)) == 1
    assert lines(store)[-1] == ("ada", "user.password", "ada", "own")
    with store.read() as tx:
        user = users.get(tx, "ada")
    assert user
    assert user.password_hash.startswith("scrypt:32768:8:1$")
    assert send_login(app.test_client(), password=PASSWORD).status_code == 403
    logged_in(app.test_client(), password=NEW)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"password": "wrong", "new": NEW, "again": NEW}, "Your password: it is not this one."),
        ({"password": PASSWORD, "new": "short", "again": "short"}, "New password: should have 12 to 1024 characters."),
        ({"password": PASSWORD, "new": NEW, "again": NEW + "!"}, "the two are not the same"),
        ({"password": PASSWORD, "new": NEW + "\0", "again": NEW + "\0"}, "without a NUL"),
        ({}, "Your password: it is not this one."),
    ],
)
def test_a_password_that_cannot_be_is_refused(
    browser: FlaskClient, store: Store, data: dict[str, str], why: str
) -> None:
    before = sessions(store)
    answer = form(browser, "/account/password", **data)
    assert answer.status_code == 400
    assert why in answer.text
    assert sessions(store) == before
    with store.read() as tx:
        assert users.get(tx, "ada") == User("ada", UserRole.VIEWER, HASH)


def test_who_finds_my_browser_open_may_not_guess_my_password(browser: FlaskClient) -> None:
    for _ in range(GUESSES.amount):
        assert form(browser, "/account/password", password="wrong", new=NEW, again=NEW).status_code == 400
    waiting = form(browser, "/account/password", password="wrong", new=NEW, again=NEW)
    assert "wait a minute" in waiting.text


def test_i_see_where_i_am_logged_in_and_end_one_or_all(app: Flask, browser: FlaskClient, store: Store) -> None:
    other = app.test_client()
    other.environ_base["HTTP_USER_AGENT"] = "Firefox on the wall"
    logged_in(other)
    page = browser.get("/account", headers=BROWSER).text
    assert "Firefox on the wall" in page
    assert page.count("this one") == 1
    ended = login_sessions.hash_of(cookie_of(other))
    assert form(browser, "/account/logout", session=ended).status_code == 303
    assert not is_in(other)
    assert is_in(browser)
    logged_in(other)
    answer = form(browser, "/account/logout-everywhere")
    assert answer.headers["Location"] == "/login?done=out"
    assert not is_in(other)
    assert not is_in(browser)
    assert sessions(store) == []
    assert lines(store)[-1] == ("ada", "user.logout", "ada", "everywhere: 2")


def test_nobody_ends_somebody_elses_login(app: Flask, browser: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("bob", UserRole.VIEWER, HASH), START)
    bob = logged_in(app.test_client(), "bob")
    assert form(browser, "/account/logout", session=login_sessions.hash_of(cookie_of(bob))).status_code == 303
    assert is_in(bob)
    assert ("ada", "user.logout", "ada", "") not in lines(store)


def test_who_logs_in_by_basic_has_an_account_too(ada: FlaskClient) -> None:
    page = ada.get("/account").text
    assert "In no browser." in page
    assert "Log out</button>" not in page
