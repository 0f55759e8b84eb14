"""A second factor: set up, asked for, used once, reset; and what is refused without anything having changed."""

import re
from collections.abc import Mapping

import pyotp
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from store import Store, login_sessions, tokens, totp, users
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, PASSWORD, basic
from tests.integration.web.logging_in import BROWSER, cookie_of, logged_in, proof_in, send_login
from tests.integration.web.test_login import is_in, lines, sessions
from web.access.guesses import CODES, GUESSES

WRONG = "This code is wrong"


def send(client: FlaskClient, path: str, **data: str) -> TestResponse:
    proof = proof_in(client.get("/account", headers=BROWSER))
    return client.post(path, data={"csrf_token": proof, **data}, headers=BROWSER)


def send_code(client: FlaskClient, code: str, **data: str) -> TestResponse:
    proof = data.pop("csrf_token", None) or proof_in(client.get("/login/code", headers=BROWSER))
    return client.post("/login/code", data={"csrf_token": proof, "code": code, **data}, headers=BROWSER)


def code_at(secret: str, clock: FakeClock, away: int = 0) -> str:
    return pyotp.TOTP(secret).at(clock.now() // 1000 + away)


def set_up(client: FlaskClient, clock: FakeClock) -> tuple[str, list[str]]:
    """The secret, and the recovery codes; the client is logged in then."""
    page = send(client, "/account/totp/begin", password=PASSWORD)
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found, page.text
    done = send(client, "/account/totp/confirm", secret=found[1], code=code_at(found[1], clock))
    codes = re.findall(r"<li><code>([A-Z2-7-]{19})</code>", done.text)
    assert len(codes) == totp.RECOVERY_CODES
    return found[1], codes


@pytest.fixture
def secured(app: Flask, store: Store, clock: FakeClock) -> tuple[str, list[str]]:
    """ada logs in with a code; the step of the one that showed it is over."""
    made = set_up(logged_in(app.test_client()), clock)
    with store.write() as tx:
        users.log_out(tx, "ada")
    clock.move(60)
    return made


def test_it_is_set_up_with_the_password_and_a_code(app: Flask, store: Store, clock: FakeClock) -> None:
    client, other = logged_in(app.test_client()), logged_in(app.test_client())
    before = cookie_of(client)
    set_up(client, clock)
    assert cookie_of(client) != before
    assert is_in(client)
    assert not is_in(other)
    assert "10 recovery codes are left" in client.get("/account", headers=BROWSER).text
    assert [each[1:] for each in lines(store)][-2:] == [("user.totp", "ada", "begun"), ("user.totp", "ada", "on")]


def test_the_page_with_the_recovery_codes_has_forms_that_work(app: Flask, clock: FakeClock) -> None:
    client = logged_in(app.test_client())
    page = send(client, "/account/totp/begin", password=PASSWORD)
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found
    codes = send(client, "/account/totp/confirm", secret=found[1], code=code_at(found[1], clock))
    assert client.post("/logout", data={"csrf_token": proof_in(codes)}, headers=BROWSER).status_code == 303
    assert not is_in(client)


def test_without_the_password_or_a_right_code_it_is_not_asked_for(app: Flask, store: Store) -> None:
    client = logged_in(app.test_client())
    refused = send(client, "/account/totp/begin", password="wrong")
    assert refused.status_code == 400
    assert "<svg" not in refused.text
    with store.read() as tx:
        assert totp.get(tx, "ada") is None
    assert send(client, "/account/totp/confirm", code="123456").status_code == 400
    page = send(client, "/account/totp/begin", password=PASSWORD)
    assert "<svg" in page.text
    found = re.search(r"<code>([A-Z2-7]{32})</code>", page.text)
    assert found
    assert WRONG in send(client, "/account/totp/confirm", secret=found[1], code="000000").text
    logged_in(app.test_client())
    with store.read() as tx:
        assert totp.codes_left(tx, "ada") == 0


@pytest.mark.parametrize("secret", ["", "A" * 32, "\0é"])
def test_a_secret_that_was_begun_is_not_shown_to_who_finds_the_browser_open(
    app: Flask, store: Store, secret: str
) -> None:
    client = logged_in(app.test_client())
    send(client, "/account/totp/begin", password=PASSWORD)
    with store.read() as tx:
        begun = totp.get(tx, "ada")
    assert begun
    answer = send(client, "/account/totp/confirm", secret=secret, code="000000")
    assert answer.status_code == 400
    assert "Begin again" in answer.text
    assert "<svg" not in answer.text
    assert begun.secret not in answer.text


def test_a_login_asks_for_a_code_and_opens_nothing_before(
    app: Flask, secured: tuple[str, list[str]], store: Store, clock: FakeClock
) -> None:
    client = app.test_client()
    answer = send_login(client, next="/wall", stay="yes")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login/code?next=/wall")
    half = cookie_of(client)
    assert not is_in(client)
    assert client.get("/api/v1/fleet").status_code == 401
    assert client.get("/account", headers=BROWSER).status_code == 303
    assert sessions(store) == []
    assert lines(store)[-1][1] != "user.login"
    done = send_code(client, code_at(secured[0], clock), next="/wall")
    assert (done.status_code, done.headers["Location"]) == (303, "/wall")
    assert is_in(client)
    assert cookie_of(client) != half
    assert lines(store)[-1][1:] == ("user.login", "ada", "with a code, stays logged in")
    copied = app.test_client()
    copied.set_cookie("rigwatch_login", half)
    assert not is_in(copied)
    assert copied.get("/login/code", headers=BROWSER).status_code == 303


def test_a_code_is_good_once(app: Flask, secured: tuple[str, list[str]], clock: FakeClock) -> None:
    secret = secured[0]
    code, earlier = code_at(secret, clock), code_at(secret, clock, -30)
    first, second = app.test_client(), app.test_client()
    for client in (first, second):
        send_login(client)
    assert send_code(first, code).status_code == 303
    for used in (code, earlier):
        refused = send_code(second, used)
        assert refused.status_code == 403
        assert WRONG in refused.text
        assert not is_in(second)
    clock.move(30)
    assert send_code(second, code_at(secret, clock)).status_code == 303


def test_a_recovery_code_is_good_once(app: Flask, secured: tuple[str, list[str]], store: Store) -> None:
    client = app.test_client()
    send_login(client)
    assert send_code(client, secured[1][3].lower().replace("-", " ")).status_code == 303
    assert is_in(client)
    assert lines(store)[-1][3] == "with a recovery code, 9 left"
    again = app.test_client()
    send_login(again)
    assert send_code(again, secured[1][3]).status_code == 403
    assert not is_in(again)
    assert "9 recovery codes are left" in client.get("/account", headers=BROWSER).text


@pytest.mark.parametrize("code", ["", "000000", "12345", "AAAA-BBBB-CCCC-DDDD", "x" * 5000, "\0" * 6])
def test_a_wrong_code_lets_nobody_in(app: Flask, secured: tuple[str, list[str]], store: Store, code: str) -> None:
    assert secured
    client = app.test_client()
    send_login(client)
    refused = send_code(client, code)
    assert refused.status_code == 403
    assert not is_in(client)
    assert sessions(store) == []
    assert lines(store)[-1] == ("127.0.0.1", "user.refused", "ada", "wrong code")
    with store.read() as tx:
        assert totp.codes_left(tx, "ada") == totp.RECOVERY_CODES


def test_codes_cannot_be_guessed_from_many_addresses(
    app: Flask, secured: tuple[str, list[str]], clock: FakeClock
) -> None:
    statuses, client = [], app.test_client()
    for number in range(CODES.amount + 2):
        client = app.test_client()
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
        send_login(client)
        statuses.append(send_code(client, "000000").status_code)
    assert statuses == [403] * CODES.amount + [429] * 2
    assert send_code(client, code_at(secured[0], clock)).status_code == 429
    assert not is_in(client)


def test_ten_wrong_codes_make_an_address_wait(app: Flask, secured: tuple[str, list[str]]) -> None:
    assert secured
    client = app.test_client()
    send_login(client)
    proof = proof_in(client.get("/login/code", headers=BROWSER))
    statuses = [send_code(client, "000000", csrf_token=proof).status_code for _ in range(GUESSES.amount + 1)]
    assert statuses == [403] * GUESSES.amount + [429]


def test_the_time_for_the_code_is_short(app: Flask, secured: tuple[str, list[str]], clock: FakeClock) -> None:
    client = app.test_client()
    send_login(client)
    proof = proof_in(client.get("/login/code", headers=BROWSER))
    clock.move(5 * 60)
    late = send_code(client, code_at(secured[0], clock), csrf_token=proof)
    assert (late.status_code, late.headers["Location"]) == (303, "/login")
    assert not is_in(client)


def test_a_code_sent_by_another_site_is_refused(app: Flask, secured: tuple[str, list[str]], clock: FakeClock) -> None:
    client = app.test_client()
    send_login(client)
    right = code_at(secured[0], clock)
    assert client.post("/login/code", data={"code": right}, headers=BROWSER).status_code == 403
    assert not is_in(client)
    assert send_code(client, right).status_code == 303


def test_a_program_with_the_password_alone_is_refused_and_a_token_is_not(
    app: Flask, secured: tuple[str, list[str]], store: Store
) -> None:
    assert secured
    client = app.test_client()
    refused = client.get("/api/v1/fleet", headers=basic())
    assert refused.status_code == 403
    assert "token" in refused.get_json()["detail"]
    assert client.get("/api/v1/fleet", headers=basic(password="wrong")).status_code == 401
    token = tokens.make()
    with store.write() as tx:
        tokens.add(tx, "t", UserRole.VIEWER, tokens.hash_of(token), now=START, expires_at=None)
    assert client.get("/api/v1/fleet", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_i_switch_it_off_with_my_password(
    app: Flask, secured: tuple[str, list[str]], store: Store, clock: FakeClock
) -> None:
    client = app.test_client()
    send_login(client)
    send_code(client, code_at(secured[0], clock))
    assert send(client, "/account/totp/off", password="wrong").status_code == 400
    with store.read() as tx:
        assert users.need(tx, "ada").has_totp
    assert send(client, "/account/totp/off", password=PASSWORD).status_code == 303
    assert is_in(client)
    with store.read() as tx:
        assert totp.get(tx, "ada") is None
        assert totp.codes_left(tx, "ada") == 0
    logged_in(app.test_client())


def test_an_admin_resets_anothers_and_nobody_else_does(
    app: Flask, secured: tuple[str, list[str]], store: Store
) -> None:
    assert secured
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
        users.add(tx, User("bob", UserRole.VIEWER, HASH), START)
    form: Mapping[str, str] = {"name": "ada", "sure": "yes"}
    assert send(logged_in(app.test_client(), "bob"), "/admin/users/totp", **form).status_code == 403
    with store.read() as tx:
        assert users.need(tx, "ada").has_totp
    root = logged_in(app.test_client(), "root")
    assert "Reset second factor" in root.get("/admin/users", headers=BROWSER).text
    assert send(root, "/admin/users/totp", name="ada").status_code == 200
    with store.read() as tx:
        assert users.need(tx, "ada").has_totp
    assert send(root, "/admin/users/totp", **form).status_code == 303
    assert lines(store)[-1] == ("root", "user.totp", "ada", "off")
    logged_in(app.test_client())


def test_a_secret_is_in_no_log_and_no_representation(secured: tuple[str, list[str]], store: Store) -> None:
    with store.read() as tx:
        state = totp.get(tx, "ada")
    assert state
    assert state.secret == secured[0]
    assert secured[0] not in repr(state)
    assert all(secured[0] not in str(line) for line in lines(store))


def test_a_login_begun_before_it_was_set_up_is_refused(app: Flask, store: Store, clock: FakeClock) -> None:
    with store.read() as tx:
        before = users.need(tx, "ada")
    set_up(logged_in(app.test_client()), clock)
    late = login_sessions.LoginSession(
        "x" * 64, "ada", START, START, START + 1, stays=False, wants_code=False, agent=""
    )
    with store.write() as tx:
        assert not login_sessions.add(tx, before, late)
