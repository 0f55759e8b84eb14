"""A home whose database is on each kind in turn, for commands that work on what is stored."""

from collections.abc import Callable, Iterator

import pytest

from rigwatch.home import Home
from store import Store, open_store
from tests.processes import Rigwatch


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest, rigwatch: Rigwatch) -> str:
    """Where the commands keep their samples: first a file in the home, then a database on a real PostgreSQL."""
    url = "sqlite:///rigwatch.db" if request.param == "sqlite" else str(request.getfixturevalue("postgres_url"))
    _set_up(rigwatch, url)
    return url


@pytest.fixture
def open_here(rigwatch: Rigwatch) -> Iterator[Callable[[], Store]]:
    """Opens the store that the commands use; the home is set up with an SQLite file if it is not yet."""
    opened: list[Store] = []

    def opens() -> Store:
        if not rigwatch.home.exists():
            _set_up(rigwatch, "sqlite:///rigwatch.db")
        opened.append(open_store(rigwatch.environment["RIGWATCH_DATABASE__URL"], Home(rigwatch.home)))
        return opened[-1]

    yield opens
    for each in opened:
        each.close()


@pytest.fixture
def store(database_url: str, open_here: Callable[[], Store]) -> Store:
    """The store of both kinds of database in turn."""
    assert database_url
    return open_here()


@pytest.fixture
def local(open_here: Callable[[], Store]) -> Store:
    """The store in an SQLite file of the home."""
    return open_here()


def _set_up(rigwatch: Rigwatch, url: str) -> None:
    rigwatch.environment["RIGWATCH_DATABASE__URL"] = url
    home = Home(rigwatch.home)
    home.prepare()
    home.server_toml.write_text("")
