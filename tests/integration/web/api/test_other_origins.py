"""What OPTIONS says, to whom, and which other pages' scripts may ask."""

from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from msgspec.structs import replace

from rigwatch.home import Home
from rigwatch.settings import ServerSettings
from tests.fake_clock import FakeClock
from tests.integration.web.api.conftest import Api, client
from web.app import create_app

GRAFANA, EVIL = "https://grafana.example", "https://evil.example"
PREFLIGHT = {"Access-Control-Request-Method": "DELETE", "Access-Control-Request-Headers": "authorization"}


@pytest.fixture
def opened_to(api: Api, tmp_path: Path) -> Flask:
    settings = ServerSettings()
    web = replace(settings.web, cors_origins=(GRAFANA,))
    return create_app(replace(settings, web=web), api.store, clock=FakeClock(), home=Home(tmp_path))


@pytest.fixture
def reader(opened_to: Flask, api: Api) -> FlaskClient:
    return client(opened_to, api.token)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/api/v1/nodes", "GET, HEAD, OPTIONS"),
        ("/api/v1/silences", "GET, HEAD, OPTIONS, POST"),
        ("/api/v1/silences/7", "DELETE, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ],
)
def test_options_names_what_may_be_done_there(shared: Api, path: str, methods: str) -> None:
    answer = shared.viewer.options(path)
    assert (answer.status_code, answer.headers["Allow"], answer.data) == (204, methods, b"")


def test_options_tells_a_stranger_nothing(shared: Api) -> None:
    stranger = shared.app.test_client()
    said = [stranger.options(path) for path in ("/api/v1/nodes", "/api/v1/nothing", "/healthz")]
    assert [each.status_code for each in said] == [401, 401, 401]
    assert not any("Allow" in each.headers for each in said)
    assert shared.viewer.options("/api/v1/nothing").status_code == 404


def test_a_page_of_an_origin_that_is_named_may_ask_first_without_a_login(opened_to: Flask) -> None:
    answer = opened_to.test_client().options("/api/v1/silences/7", headers={"Origin": GRAFANA, **PREFLIGHT})
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == GRAFANA
    assert "DELETE" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_its_script_reads_answers_and_refusals(reader: FlaskClient, opened_to: Flask) -> None:
    answer = reader.get("/api/v1/fleet", headers={"Origin": GRAFANA})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, GRAFANA)
    assert "Origin" in answer.headers["Vary"]
    assert "ETag" in answer.headers["Access-Control-Expose-Headers"]
    refused = opened_to.test_client().get("/api/v1/fleet", headers={"Origin": GRAFANA})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, GRAFANA)


@pytest.mark.parametrize("origin", [EVIL, "null", f"{GRAFANA}.evil.example"])
def test_any_other_origin_gets_no_permission(reader: FlaskClient, opened_to: Flask, origin: str) -> None:
    answer = reader.get("/api/v1/fleet", headers={"Origin": origin})
    assert "Access-Control-Allow-Origin" not in answer.headers
    # A cache must not hand one page's answer to the other.
    assert "Origin" in answer.headers["Vary"]
    asked = opened_to.test_client().options("/api/v1/fleet", headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 401
    assert "Access-Control-Allow-Origin" not in asked.headers


def test_the_pages_themselves_stay_closed(reader: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in reader.get("/", headers={"Origin": GRAFANA}).headers


def test_without_the_setting_nobody_may(shared: Api) -> None:
    answer = shared.viewer.get("/api/v1/fleet", headers={"Origin": GRAFANA})
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


def test_every_origin_may_where_that_is_written(api: Api, tmp_path: Path) -> None:
    settings = ServerSettings()
    web = replace(settings.web, cors_origins=("*",))
    app = create_app(replace(settings, web=web), api.store, clock=FakeClock(), home=Home(tmp_path))
    assert (
        client(app, api.token).get("/api/v1/fleet", headers={"Origin": EVIL}).headers["Access-Control-Allow-Origin"]
        == "*"
    )
