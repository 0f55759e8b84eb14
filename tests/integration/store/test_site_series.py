"""Sums of some sites alone: those of all sites together are the fleet's, and each site's are its own."""

import pytest
from msgspec import convert

from rigwatch.messages import Report, Sample
from store import Store, reader, series, site_series
from store.times import HOUR, MINUTE
from tests.fake_clock import START
from tests.rigs import Rig, birth, rig

SITES = frozenset({"main", "barn"})
BEGIN = START // HOUR * HOUR
RATES = {"main": 10.0, "barn": 32.0}


def said(of: Rig, minute: int, hashrate: float | None) -> object:
    at = BEGIN + minute * MINUTE + 5000
    figures = {} if hashrate is None else {"hashrate": hashrate}
    return of.heard(Report(1, at, (convert({"n": at, "at": at, **figures}, Sample),)), at)


@pytest.fixture
def farm(store: Store) -> Store:
    """For an hour: two nodes at main, one of which reports every four minutes and goes after half; one at barn, and
    one elsewhere that nobody asks for."""
    steady, rare, far, other = rig("a", "main"), rig("b", "main"), rig("c", "barn"), rig("d", "elsewhere")
    store.take([each.heard(birth(interval=60), BEGIN) for each in (steady, far, other)])
    store.take([rare.heard(birth(interval=240), BEGIN)])
    for minute in range(60):
        batch = [said(steady, minute, RATES["main"]), said(far, minute, RATES["barn"]), said(other, minute, 500.0)]
        if minute % 4 == 0 and minute < 32:
            batch.append(said(rare, minute, 1.0))
        store.take(batch)  # type: ignore[arg-type]
    return store


NOW = BEGIN + HOUR


def test_the_sums_of_all_sites_are_the_fleets(farm: Store) -> None:
    every = SITES | {"elsewhere"}
    with farm.read() as tx:
        whole = series.fleet(tx, MINUTE, since=BEGIN, until=NOW)
        mine = site_series.fleet(tx, every, MINUTE, since=BEGIN, until=NOW, now=NOW)
        latest = site_series.totals(tx, every, 10, NOW - 1)
        known = reader.totals(tx, 10, NOW - 1)
    assert [each.at for each in mine] == [each.at for each in whole]
    # How long a node that has gone counts on differs by less than its interval.
    assert [each for each in mine if each.at < BEGIN + 30 * MINUTE] == [
        each for each in whole if each.at < BEGIN + 30 * MINUTE
    ]
    assert latest == known


def test_each_site_has_its_own(farm: Store) -> None:
    with farm.read() as tx:
        barn = site_series.fleet(tx, frozenset({"barn"}), 5 * MINUTE, since=BEGIN, until=NOW, now=NOW)
        main = site_series.fleet(tx, frozenset({"main"}), 5 * MINUTE, since=BEGIN, until=NOW, now=NOW)
        none = site_series.fleet(tx, frozenset(), 5 * MINUTE, since=BEGIN, until=NOW, now=NOW)
    assert [(each.hashrate, each.nodes) for each in barn] == [(RATES["barn"], 1.0)] * 12
    assert (main[0].hashrate, main[0].nodes) == (RATES["main"] + 1.0, 2.0)
    assert (main[-1].hashrate, main[-1].nodes) == (RATES["main"], 1.0)
    assert none == []


def test_what_is_older_comes_from_hours(farm: Store) -> None:
    later = NOW + 30 * HOUR
    with farm.read() as tx:
        old = site_series.fleet(tx, frozenset({"barn"}), 10 * MINUTE, since=BEGIN, until=later, now=later)
        assert site_series.oldest(tx, frozenset({"barn"})) == BEGIN
        assert site_series.oldest(tx, frozenset({"nowhere"})) is None
    assert [each.at for each in old] == [BEGIN + each * 10 * MINUTE for each in range(6)]
    assert {(each.hashrate, each.nodes) for each in old} == {(RATES["barn"], 1.0)}
