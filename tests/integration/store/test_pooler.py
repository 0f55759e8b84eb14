"""PostgreSQL behind a pooler that gives each transaction another connection: everything is stored, and told."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from rigwatch.home import Home
from rigwatch.messages import NodeState
from store import Store, open_store, reader
from store.engine import without_password
from tests.alerting import Driver
from tests.pgbouncer import pooled
from tests.ports import free_port
from tests.rigs import birth, report, rig, sample, will


@pytest.fixture
def pooled_store(postgres_url: str, home: Home) -> Iterator[Store]:
    with pooled(postgres_url) as url:
        store = open_store(url, home)
        yield store
        store.close()


def test_what_is_said_again_and_again_is_stored_from_several_threads(pooled_store: Store) -> None:
    rigs = [rig(f"rig{number}") for number in range(8)]

    def report_often(number: int) -> None:
        pooled_store.take([rigs[number].heard(birth())])
        for n in range(1, 41):
            pooled_store.take([rigs[number].heard(report(sample(n)))])
            with pooled_store.read() as tx:
                reader.nodes(tx)

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(report_often, number) for number in range(8)]:
            done.result()
    with pooled_store.read() as tx:
        assert tx.value("SELECT count(*) FROM sample") == 8 * 40


def test_of_several_servers_the_one_that_can_be_written_is_taken(postgres_url: str, home: Home) -> None:
    port, name = postgres_url.rpartition(":")[2].split("/")
    url = f"postgresql://test@127.0.0.1:{free_port()},127.0.0.1:{port}/{name}?target_session_attrs=read-write"
    store = open_store(url, home)
    store.take([rig().heard(birth())])
    with store.read() as tx:
        assert len(reader.nodes(tx)) == 1
    store.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://u:secret@h:5432/db", "postgresql://h:5432/db"),
        ("postgresql://u:se@cret@h1:5432,h2:5433/db?target_session_attrs=any", "postgresql://h1:5432,h2:5433/db"),
        ("postgresql://u:secret@[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("postgresql:///db?host=/tmp&password=secret", "postgresql://localhost/db"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_lost_node_is_told(pooled_store: Store) -> None:
    driver = Driver(pooled_store)
    driver.tick()
    driver.hear(birth(1))
    for _ in range(30):
        driver.tick(1)
    assert driver.drives()
    assert any("lost" in title for title in [*driver.hear(will(1)), *driver.tick(5)])
    with pooled_store.read() as tx:
        assert [facts.state for facts in reader.nodes(tx)] == [NodeState.LOST]
