"""The page in the viewer's language: chosen, or asked for by the browser; and English for programs."""

import json
import re

import pytest
from flask import Flask
from flask.testing import FlaskClient

from _build.catalogues import compile_all
from store import Store
from tests.alerting import Driver
from tests.fake_clock import FakeClock
from tests.integration.web.conftest import basic
from tests.integration.web.test_firing import hashes_nothing, say
from web.language.choice import COOKIE


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    compile_all()


@pytest.fixture
def driver(store: Store, clock: FakeClock) -> Driver:
    return Driver(store, clock)


def page(client: FlaskClient, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.get_data(as_text=True)


def reader_of(app: Flask, *, asks: str = "", chose: str = "") -> FlaskClient:
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic()["Authorization"]
    if asks:
        client.environ_base["HTTP_ACCEPT_LANGUAGE"] = asks
    if chose:
        client.set_cookie(COOKIE, chose)
    return client


@pytest.mark.parametrize(
    ("asks", "chose", "language"),
    [
        ("", "", "en"),
        ("de-AT,de;q=0.9,en;q=0.8", "", "de"),
        ("fr,es;q=0.5,en;q=0.1", "", "es"),
        ("fr", "", "en"),
        ("en-US,en;q=0.9", "de", "de"),
        ("de", "en", "en"),
        ("de", "xx", "de"),
    ],
)
def test_what_was_chosen_goes_before_what_the_browser_asks_for(
    app: Flask, asks: str, chose: str, language: str
) -> None:
    html = page(reader_of(app, asks=asks, chose=chose), "/incidents")
    assert f'<html lang="{language}">' in html
    title = {"en": "Incidents", "de": "Vorfälle", "es": "Incidencias"}[language]
    assert f"<h1>{title}</h1>" in html


def test_two_viewers_of_two_languages_are_not_given_each_others_page(app: Flask, driver: Driver) -> None:
    hashes_nothing(driver, "rig1")
    said = {"en": "hashes nothing", "de": "hasht nicht", "es": "no mina"}
    readers = {code: reader_of(app, chose=code) for code in said}
    for _ in range(2):
        for path in ("/", "/live", "/wall", "/wall/live", "/node/main/rig1", "/node/main/rig1/live", "/incidents/live"):
            for code, client in readers.items():
                html = page(client, path)
                assert said[code] in html, (path, code)
                assert not [other for other in said if other != code and said[other] in html], (path, code)


def test_numbers_have_the_signs_of_the_language(app: Flask, driver: Driver) -> None:
    say(driver, "rig1", hashrate=1_234_500, block=12_345_678)
    html = re.sub("<[^>]+>", "", page(reader_of(app, chose="de"), "/node/main/rig1"))
    assert "1,23 MH/s" in html
    assert "12.345.678" in html


def test_scripts_and_styles_get_their_words(app: Flask) -> None:
    client = reader_of(app, chose="de")
    hrefs = re.findall(r'(?:href|src)="(/language/[^"]+)"', page(client, "/"))
    assert len(hrefs) == 2
    answers = {href.split("?")[0]: client.get(href) for href in hrefs}
    script = answers["/language/de/words.js"]
    texts = json.loads(script.get_data(as_text=True).removeprefix("globalThis.TEXTS = ").rstrip(";\n"))
    assert texts["Hashrate and nodes"] == "Hashrate und Nodes"
    assert "immutable" in script.headers["Cache-Control"]
    assert '--say-good: "gut";' in answers["/language/de/words.css"].get_data(as_text=True)
    assert "/language/" not in page(reader_of(app), "/")
    assert client.get("/language/xx/words.js").status_code == 404


def test_programs_are_answered_in_english(app: Flask) -> None:
    client = reader_of(app, asks="de")
    assert "There is no node" in client.get("/api/v1/nodes/main/nobody").get_json()["detail"]
    assert "Es gibt keinen Node" in client.get("/node/main/nobody").get_data(as_text=True)


def test_a_value_is_escaped_also_inside_a_text(app: Flask) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "de"}):
        app.preprocess_request()
        made = app.jinja_env.from_string('{{ _("the site %(site)s", site=site) }}').render(site="<b>\u202ex")
    assert made.startswith("der Standort &lt;b&gt;")
    assert "\u202e" not in made
