"""Nobody sees anything without a password, and nobody may guess for long."""

import logging
import time

import pytest
from flask import Flask
from flask.testing import FlaskClient

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.settings import ServerSettings
from store import Store, reader, users
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, PASSWORD, basic
from tests.integration.web.routes import every
from tests.rigs import birth, rig
from web.access.guesses import GUESSES
from web.access.passwords import REMEMBERED_S, hash_password
from web.app import create_app

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def paths(app: Flask) -> list[str]:
    """One address of every route but the public ones, and some of none."""
    routes = dict.fromkeys(each.path for each in every(app))
    return [*routes, "/nothing/here", "/favicon.ico"]


def test_every_route_refuses_without_a_password(app: Flask, store: Store, stranger: FlaskClient) -> None:
    store.take([rig("hidden").heard(birth())])
    with store.read() as tx:
        before = reader.stamp(tx)
    assert len(paths(app)) > 6
    for path in paths(app):
        for method in (*METHODS, "OPTIONS"):
            answer = stranger.open(path, method=method)
            assert answer.status_code == 401, f"{method} {path}"
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="rigwatch"'
            assert b"hidden" not in answer.data
    with store.read() as tx:
        assert reader.stamp(tx) == before


def test_the_login_page_and_what_it_looks_like_are_open_and_nothing_beside_them(stranger: FlaskClient) -> None:
    for path, status in (
        *(("/login", 200), ("/static/rigwatch.css", 200), ("/static/logo.svg", 200)),
        *(("/static/../app.py", 404), ("/static/%2e%2e/app.py", 404), ("/static/missing", 404)),
    ):
        with stranger.get(path) as answer:
            assert answer.status_code == status, path
    for method in ("POST", "PUT", "DELETE"):
        assert stranger.open("/static/rigwatch.css", method=method).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        basic("ada", "wrong"),
        basic("bob", PASSWORD),
        basic("", PASSWORD),
        basic("ada", ""),
        basic("ADA", PASSWORD),
        basic("ada\0", PASSWORD),
        basic("ada", PASSWORD + "\0"),
        basic("a" * 10_000, PASSWORD),
        basic("ada", "x" * 10_000),
        basic("ada", HASH),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": ""},
    ],
)
def test_it_refuses_what_is_not_a_users_password(stranger: FlaskClient, headers: dict[str, str]) -> None:
    assert stranger.get("/", headers=headers).status_code == 401


def test_it_lets_a_user_in(stranger: FlaskClient) -> None:
    assert stranger.get("/", headers=basic()).status_code == 200


def test_healthz_is_open_and_tells_nothing(stranger: FlaskClient, store: Store) -> None:
    store.take([rig("hidden").heard(birth())])
    answer = stranger.get("/healthz")
    assert (answer.status_code, answer.json) == (200, {"status": "ok"})


def test_a_changed_password_and_a_removed_user_count_at_once(ada: FlaskClient, store: Store) -> None:
    assert ada.get("/").status_code == 200
    with store.write() as tx:
        users.set_password(tx, "ada", hash_password("another"))
    assert ada.get("/").status_code == 401
    assert ada.get("/", headers=basic(password="another")).status_code == 200
    with store.write() as tx:
        users.remove(tx, "ada", keep_an_admin=False)
    assert ada.get("/", headers=basic(password="another")).status_code == 401


def test_a_password_is_hashed_once_and_then_remembered_for_a_while(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    with store.write() as tx:
        users.set_password(tx, "ada", hash_password(PASSWORD))

    def cost() -> float:
        begun = time.thread_time()
        with ada.get("/wall/live") as answer:
            assert answer.status_code == 200
        return time.thread_time() - begun

    first = cost()
    assert min(cost() for _ in range(3)) < first / 4
    clock.move(REMEMBERED_S)
    assert cost() > first / 4


def test_after_ten_wrong_passwords_an_address_has_to_wait(
    stranger: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(GUESSES.amount):
        assert stranger.get("/", headers=basic(password="wrong")).status_code == 401
    with caplog.at_level(logging.INFO):
        refused = stranger.get("/", headers=basic())
    assert refused.status_code == 429
    assert refused.headers["Retry-After"] == "60"
    assert "WWW-Authenticate" not in refused.headers
    assert stranger.get("/", headers=basic(), environ_overrides={"REMOTE_ADDR": "192.0.2.9"}).status_code == 200


def test_who_is_logged_in_is_not_shut_out_by_a_neighbours_guesses(stranger: FlaskClient) -> None:
    assert stranger.get("/", headers=basic()).status_code == 200
    for _ in range(GUESSES.amount + 1):
        stranger.get("/", headers=basic(password="wrong"))
    assert stranger.get("/", headers=basic()).status_code == 200
    assert stranger.get("/", headers=basic(password="wrong")).status_code == 429


def test_a_request_without_a_password_is_no_guess(stranger: FlaskClient) -> None:
    for _ in range(GUESSES.amount * 2):
        assert stranger.get("/").status_code == 401
    assert stranger.get("/", headers=basic()).status_code == 200


def test_wrong_passwords_are_logged_without_names_or_passwords(
    stranger: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, logger="web"):
        for _ in range(GUESSES.amount):
            stranger.get("/", headers=basic("somebody", "battery staple"))
    assert caplog.text.count("wrong password address=127.0.0.1") == GUESSES.amount
    assert caplog.text.count("too many wrong passwords") == 1
    written = " ".join(record.getMessage() for record in caplog.records if record.name.startswith("web"))
    assert "battery" not in written
    assert "somebody" not in written


def test_every_answer_tells_the_browser_what_it_may_do(app: Flask, ada: FlaskClient, stranger: FlaskClient) -> None:
    answers = [ada.get(path) for path in paths(app)] + [stranger.get("/"), stranger.get("/healthz")]
    for answer in answers:
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert "Server" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        answer.close()


def test_pages_are_not_kept_and_versioned_files_are(ada: FlaskClient) -> None:
    kept = {
        "/": "no-store",
        "/live": "no-store",
        "/static/rigwatch.css?v=1": "private, max-age=31536000, immutable",
        "/static/rigwatch.css": "private, no-cache",
        "/static/missing.css?v=1": "no-store",
    }
    for path, said in kept.items():
        with ada.get(path) as answer:
            assert answer.headers["Cache-Control"] == said, path


def test_a_viewer_and_an_admin_both_see_the_overview(stranger: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    assert b'title="Logged in as root (admin)"' in stranger.get("/", headers=basic("root")).data
    assert b'title="Logged in as ada (viewer)"' in stranger.get("/", headers=basic()).data


def test_two_applications_share_no_state(store: Store, clock: FakeClock, home: Home) -> None:
    one, other = (create_app(ServerSettings(), store, clock=clock, home=home).test_client() for _ in range(2))
    for _ in range(GUESSES.amount):
        one.get("/", headers=basic(password="wrong"))
    assert one.get("/", headers=basic()).status_code == 429
    assert other.get("/", headers=basic()).status_code == 200
