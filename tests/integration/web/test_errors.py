"""What a failed request answers, to people and to programs."""

import logging
import sqlite3
from contextlib import closing

import pytest
from flask import Flask
from flask.testing import FlaskClient

from rigwatch.home import Home
from tests.integration.web.conftest import basic

JSON = {"Accept": "application/json"}


def test_people_get_a_page_and_programs_get_json(ada: FlaskClient) -> None:
    page = ada.get("/nothing", headers={"Accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert b"Nothing here" in page.data
    answer = ada.get("/nothing", headers=JSON)
    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
    assert answer.get_json()["title"] == "Not Found"
    assert ada.get("/api/nothing").mimetype == "application/problem+json"
    assert ada.get("/nothing", headers={"Accept": "*/*"}).mimetype == "text/html"


def test_a_wrong_query_names_what_is_allowed_and_escapes_what_was_asked(ada: FlaskClient) -> None:
    answer = ada.get("/?sort=<script>alert(1)</script>")
    assert answer.status_code == 400
    assert b"<script>alert" not in answer.data
    assert b"status, name, place, hashrate, algorithm, efficiency, cards, peers" in answer.data
    assert ada.get("/live?dir=up", headers=JSON).status_code == 400


def test_a_wrong_method_says_which_are_right(ada: FlaskClient) -> None:
    answer = ada.post("/")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]
    assert b"Not done that way" in answer.data


def test_without_a_password_the_error_has_the_form_that_was_asked_for(stranger: FlaskClient) -> None:
    assert stranger.get("/", headers=JSON).get_json()["status"] == 401
    page = stranger.get("/").text
    assert "rigwatch user add" in page
    # What the page asked for would be refused as well, and the browser would ask for the password again.
    assert "/static/" not in page


def test_a_defect_tells_its_details_only_to_the_log(app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise ZeroDivisionError("the secret detail")

    app.add_url_rule("/broken", view_func=broken)
    answer = app.test_client().get("/broken", headers=basic())
    assert answer.status_code == 500
    assert b"secret detail" not in answer.data
    assert b"Zero" not in answer.data
    assert "the secret detail" in caplog.text


def test_a_database_that_broke_is_503_and_is_served_again_when_it_is_back(
    ada: FlaskClient, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    assert ada.get("/").status_code == 200
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute("ALTER TABLE node RENAME TO away")
    with caplog.at_level(logging.WARNING):
        answer = ada.get("/")
    assert answer.status_code == 503
    assert b"The database does not answer" in answer.data
    assert "request failed path=/" in caplog.text
    with closing(sqlite3.connect(home.database)) as database, database:
        database.execute("ALTER TABLE away RENAME TO node")
    assert ada.get("/").status_code == 200


@pytest.mark.parametrize("host", [".", "a..b", "x" * 64 + ".example", "é" * 70])
@pytest.mark.parametrize("headers", [{}, basic()])
def test_a_host_that_is_none_is_an_answer_and_no_defect(
    stranger: FlaskClient, caplog: pytest.LogCaptureFixture, host: str, headers: dict[str, str]
) -> None:
    answer = stranger.get("/", headers={**headers, "Host": host})
    assert answer.status_code < 500
    assert "Traceback" not in caplog.text
