"""The store, on each database it promises to behave the same on."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import pytest

from rigwatch.home import Home
from store import Store, open_store

OpenStore: TypeAlias = Callable[[], Store]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database: first a file in the home, then one on a real PostgreSQL."""
    if request.param == "sqlite":
        return "sqlite:///rigwatch.db"
    return str(request.getfixturevalue("postgres_url"))


@pytest.fixture
def open_another(database_url: str, home: Home) -> Iterator[OpenStore]:
    """Opens the test's database, as often as asked, each with connections of its own."""
    stores: list[Store] = []

    def another() -> Store:
        stores.append(open_store(database_url, home))
        return stores[-1]

    yield another
    for store in stores:
        store.close()


@pytest.fixture
def store(open_another: OpenStore) -> Store:
    return open_another()


@pytest.fixture
def local(home: Home) -> Iterator[Store]:
    """A store in the home, for tests in which the kind of database makes no difference."""
    opened = open_store("sqlite:///rigwatch.db", home)
    yield opened
    opened.close()
