"""Logging in as a person does: by the form, with what its page holds."""

import re

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.web.conftest import PASSWORD

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8", "Accept-Language": "en"}


def proof_in(page: TestResponse) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def send_login(client: FlaskClient, name: str = "ada", password: str = PASSWORD, **form: str) -> TestResponse:
    proof = form.pop("csrf_token", None) or proof_in(client.get("/login", headers=BROWSER))
    data = {"csrf_token": proof, "name": name, "password": password, **form}
    return client.post("/login", data=data, headers=BROWSER)


def cookie_of(client: FlaskClient) -> str:
    """What the cookie of a login says; empty without one."""
    for name in ("rigwatch_login", "__Host-rigwatch_login"):
        if found := client.get_cookie(name):
            return found.value
    return ""


def logged_in(client: FlaskClient, name: str = "ada", password: str = PASSWORD, **form: str) -> FlaskClient:
    assert send_login(client, name, password, **form).status_code == 303
    assert cookie_of(client)
    return client
