"""What tests of the store share."""

import pytest

from rigwatch.home import Home
from store import Store
from tests.integration.store.acting import World, furnished


@pytest.fixture
def world(store: Store, home: Home) -> World:
    """Something of each kind that people decide about."""
    return furnished(store, home)
