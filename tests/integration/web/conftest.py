"""A dashboard over an SQLite store of its own, and somebody who may log in."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.security import generate_password_hash

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.settings import ServerSettings
from store import Store, housekeeping, open_store, users
from tests.fake_clock import START, FakeClock
from web.app import create_app

PASSWORD = "correct horse"
# A thirtieth of the work of a real one: a hash carries its cost in itself.
HASH = generate_password_hash(PASSWORD, "scrypt:1024:8:1")


def basic(name: str = "ada", password: str = PASSWORD) -> dict[str, str]:
    """The header by which a browser logs in."""
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture
def store(home: Home) -> Iterator[Store]:
    """With the user ada, and a subscriber that is connected for an hour and just gave a sign of life."""
    opened = open_store("sqlite:///rigwatch.db", home)
    with opened.write() as tx:
        users.add(tx, User("ada", UserRole.VIEWER, HASH), START)
    with opened.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START - 3_600_000)
    yield opened
    opened.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def app(store: Store, clock: FakeClock, home: Home) -> Flask:
    return create_app(ServerSettings(), store, clock=clock, home=home)


@pytest.fixture
def stranger(app: Flask) -> FlaskClient:
    """Sends no password by itself."""
    return app.test_client()


@pytest.fixture
def ada(app: Flask) -> FlaskClient:
    """Logged in with every request, as a browser is."""
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic()["Authorization"]
    return client
