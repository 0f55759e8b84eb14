"""An incident that counts is seen on the wall, in its node's row and on its page, whatever the node's connection is."""

import re

import pytest
from flask.testing import FlaskClient
from msgspec import convert

from alerts.incident import Acknowledged
from alerts.silence import Matcher, Silence, SilenceKind
from rigwatch.messages import Sample
from store import Store, alerts, housekeeping, reader, silences
from tests.alerting import Driver, every_incident
from tests.fake_clock import START, FakeClock
from tests.integration.web.test_overview import between, page, row, text
from tests.integration.web.test_wall import titles
from tests.rigs import Rig, birth, report, rig, will
from tests.stored import asked


@pytest.fixture
def driver(store: Store, clock: FakeClock) -> Driver:
    return Driver(store, clock)


def placed(name: str) -> Rig:
    """Each at a site of its own, but for those called rig."""
    return rig(name, "main" if name.startswith("rig") or name == "idle" else name)


def say(driver: Driver, name: str, **figures: object) -> None:
    """A birth if it is its first word, and a report."""
    now = driver.clock.now()
    made = placed(name)
    if not any(each.id == made.id for each in asked(driver.store, reader.nodes)):
        driver.hear(birth(host="tower" if name.startswith("rig") else name), made)
    driver.hear(report(convert({"n": now, "at": now, **figures}, Sample), sent_at=now), made)


def alive(driver: Driver) -> None:
    with driver.store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=driver.clock.now(), connected_at=START - 3_600_000)


def titles_of_rows(html: str) -> list[str]:
    return re.findall(r'data-key="[\w]+/(\w+)"', between(html, '<table class="latest"', "</table>"))


def hashes_nothing(driver: Driver, *names: str) -> None:
    """Nodes that report for ten minutes, and not one hash of it."""
    for _ in range(10):
        for name in names:
            say(driver, name, hashrate=0, peers=30)
        alive(driver)
        driver.tick(60)
    for name in names:
        say(driver, name, hashrate=0, peers=30)
    alive(driver)
    driver.tick()


def test_the_wall_does_not_say_that_all_is_well_while_a_connected_node_hashes_nothing(
    ada: FlaskClient, driver: Driver
) -> None:
    say(driver, "idle", hashrate=0, peers=30)
    assert "All is well" in page(ada, "/wall")
    hashes_nothing(driver, "idle")
    html = page(ada, "/wall")
    assert "All is well" not in html
    assert titles(html, "trouble") == ["idle"]
    tile = text(between(html, 'class="tiles trouble"', "</ul>"))
    assert "idle main · idle hashes nothing: " in tile
    assert "critical for 9 min" in tile
    assert titles(html, "calm") == []
    assert "<title>(1 open)" in html


def test_it_stands_in_the_nodes_row_and_sorts_it_with_trouble(ada: FlaskClient, driver: Driver) -> None:
    for name in ("aa", "zz"):
        say(driver, name, hashrate=5, peers=30)
    hashes_nothing(driver, "mm")
    for name in ("aa", "zz"):
        say(driver, name, hashrate=5, peers=30)
    html = page(ada)
    assert titles_of_rows(html) == ["mm", "aa", "zz"]
    found = row(html, "mm/mm")
    assert 'class="firing critical"' in found
    assert 'href="incidents/' in found
    assert "hashes nothing: " in text(found)
    assert "firing" not in row(html, "aa/aa")
    assert "hashes nothing" in text(between(page(ada, "/node/mm/mm"), 'data-key="about"', "</section>"))


def test_the_list_can_be_narrowed_to_nodes_with_incidents(ada: FlaskClient, driver: Driver) -> None:
    say(driver, "aa", hashrate=5, peers=30)
    assert "with incidents" not in page(ada)
    hashes_nothing(driver, "mm")
    say(driver, "aa", hashrate=5, peers=30)
    assert "1 with incidents" in text(between(page(ada), 'aria-label="Nodes by status"', "</section>"))
    narrowed = page(ada, "/?firing=1")
    assert titles_of_rows(narrowed) == ["mm"]
    assert 'data-live="/live?firing=1"' in narrowed
    assert ada.get("/?firing=perhaps").status_code == 400


def test_one_that_is_acknowledged_is_still_there_and_says_so(ada: FlaskClient, driver: Driver, store: Store) -> None:
    hashes_nothing(driver, "idle")
    (number,) = [each.id for each in every_incident(store)]
    with store.write() as tx:
        alerts.acknowledge(tx, number, Acknowledged(driver.clock.now(), "ada", "on it"))
    html = page(ada, "/wall")
    assert "All is well" not in html
    assert 'class="tile critical muted"' in html
    assert "acknowledged by ada" in text(html)
    assert "acknowledged by ada" in text(row(page(ada), "main/idle"))
    # Nobody has seen that it is gone as well, also before the alerts say so.
    store.take([placed("idle").heard(will(), driver.clock.now())])
    assert 'class="tile lost"' in page(ada, "/wall")


def test_one_that_is_silenced_is_still_there_and_comes_last(ada: FlaskClient, driver: Driver, store: Store) -> None:
    hashes_nothing(driver, "bad")
    hashes_nothing(driver, "bad", "quiet")
    now = driver.clock.now()
    silence = Silence(0, SilenceKind.SILENCE, Matcher(node="quiet"), now, now + 3_600_000, "ada", "known", now)
    with store.write() as tx:
        silences.add(tx, silence)
    html = page(ada, "/wall")
    assert titles(html, "trouble") == ["bad", "quiet"]
    assert html.count("muted") == 1
    assert "silenced" in text(row(page(ada), "quiet/quiet"))
    assert titles_of_rows(page(ada)) == ["bad", "quiet"]


def test_a_group_is_one_tile_that_names_its_nodes(ada: FlaskClient, driver: Driver) -> None:
    names = [f"rig{number}" for number in range(9)]
    for name in names:
        say(driver, name, hashrate=5, peers=30)
    driver.hear_all([(rig(name), will()) for name in names])
    driver.tick(1)
    driver.tick(60)
    alive(driver)
    html = page(ada, "/wall")
    assert titles(html, "trouble") == ["host tower at main"]
    tile = text(between(html, 'class="tiles trouble"', "</ul>"))
    assert "9 nodes lost together" in tile, tile
    assert "and 3 more" in tile
    assert "lost" in text(row(page(ada), "main/rig1"))


def test_a_site_says_on_the_wall_that_one_of_its_nodes_has_an_incident(ada: FlaskClient, driver: Driver) -> None:
    hashes_nothing(driver, "idle")
    say(driver, "elsewhere", hashrate=5, peers=30)
    sites = between(page(ada, "/wall"), 'class="tiles sites"', "</ul>")
    assert "1 of 1 up, 1 with incidents" in text(sites)
    assert 'class="tile critical" data-key="main"' in sites
    assert 'class="tile online" data-key="elsewhere"' in sites


def test_without_a_broker_rigwatch_itself_has_a_tile(ada: FlaskClient, driver: Driver, store: Store) -> None:
    say(driver, "a", hashrate=5, peers=30)
    driver.connected_at = None
    for _ in range(30):
        driver.tick(10)
        with store.write() as tx:
            housekeeping.beat(tx, "subscriber", now=driver.clock.now(), connected_at=None)
    html = page(ada, "/wall")
    assert titles(html, "trouble")[0] == "rigwatch"
    assert "has no broker, nobody watches the nodes" in text(html)
    assert titles(page(ada, "/wall?site=elsewhere"), "trouble") == ["rigwatch"]


def test_when_it_is_over_the_wall_says_so(ada: FlaskClient, driver: Driver) -> None:
    hashes_nothing(driver, "idle")
    for _ in range(6):
        say(driver, "idle", hashrate=5, peers=30)
        driver.tick(60)
    say(driver, "idle", hashrate=5, peers=30)
    alive(driver)
    assert "All is well" in page(ada, "/wall")
    assert "firing" not in row(page(ada), "main/idle")


def test_the_page_of_a_node_counts_its_cards_and_names_the_one_that_is_missing(
    ada: FlaskClient, driver: Driver, store: Store
) -> None:
    both = [{"id": f"0000:0{at}:00.0", "name": "X", "hashrate": 5} for at in range(2)]
    for step in range(9):
        say(driver, "bare", hashrate=5, gpus=both if step < 6 else both[:1])
        alive(driver)
        driver.tick(170)
    say(driver, "bare", hashrate=5, gpus=both[:1])
    alive(driver)
    html = page(ada, "/node/bare/bare")
    part = between(html, 'data-key="gpus"', "</section>")
    assert "GPUs 1 of 2" in text(part)
    assert "X 0000:01:00.0 missing for " in text(part)
    with store.read() as tx:
        assert [card.id for card in alerts.cards_of(tx, placed("bare").id)] == ["0000:00:00.0", "0000:01:00.0"]
        assert alerts.cards_of(tx, placed("nobody").id) == ()
