"""What a page's address lists, and in which order."""

from urllib.parse import parse_qsl

import msgspec
import pytest

from alerts.incident import Scope, Subject
from alerts.rule import Rule, Severity
from alerts.status import NodeStatus
from tests.fake_clock import START
from tests.unit.web.made import fleet, gone, node
from web.errors import BadQuery
from web.natural import natural
from web.node_view import FleetView
from web.overview.listing import FALLS_FIRST, HOSTS_MAX, Facets, Listing, Sort, facets
from web.trouble import Trouble


def order(listing: Listing, of: FleetView) -> list[str]:
    return [each.facts.id.node for each in listing.apply(of.views)]


FLEET = fleet(
    node("rig10", hashrate=5, peers=0, block=7, temperature=60, power=100, reported_ago=2000),
    node("rig2", hashrate=50, peers=9, block=9, temperature=40, power=300, reported_ago=1000, site="attic"),
    node("rig1", hashrate=None, peers=None, block=None, reported_ago=0),
    gone(node("rig3", hashrate=20, peers=20, block=8, temperature=50, power=200, reported_ago=3000)),
)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({}, ["rig3", "rig1", "rig2", "rig10"]),
        ({"sort": "status", "dir": "desc"}, ["rig1", "rig2", "rig10", "rig3"]),
        ({"sort": "name"}, ["rig1", "rig2", "rig3", "rig10"]),
        ({"sort": "name", "dir": "desc"}, ["rig10", "rig3", "rig2", "rig1"]),
        ({"sort": "place"}, ["rig2", "rig1", "rig3", "rig10"]),
        ({"sort": "hashrate"}, ["rig2", "rig3", "rig10", "rig1"]),
        ({"sort": "hashrate", "dir": "asc"}, ["rig10", "rig3", "rig2", "rig1"]),
        ({"sort": "peers", "dir": "asc"}, ["rig10", "rig2", "rig3", "rig1"]),
        ({"sort": "block"}, ["rig2", "rig3", "rig10", "rig1"]),
        ({"sort": "temperature"}, ["rig10", "rig3", "rig2", "rig1"]),
        ({"sort": "power"}, ["rig2", "rig3", "rig10", "rig1"]),
        ({"sort": "age"}, ["rig1", "rig2", "rig10", "rig3"]),
    ],
)
def test_it_is_ordered_as_asked_with_the_unknown_last(query: dict[str, str], names: list[str]) -> None:
    assert order(Listing.parse(query), FLEET) == names


MINERS = fleet(
    node("a", hashrate=60e6, power=100, algorithm="kawpow", gpus=[{"id": "1"}, {"id": "2"}]),
    node("b", hashrate=60e6, power=200, algorithm="etchash", boards=[{"id": "1"}]),
    node("c"),
)


@pytest.mark.parametrize(
    ("sort", "names"), [("efficiency", ["a", "b", "c"]), ("cards", ["a", "b", "c"]), ("algorithm", ["b", "a", "c"])]
)
def test_it_is_ordered_by_what_a_miner_has(sort: str, names: list[str]) -> None:
    assert order(Listing.parse({"sort": sort}), MINERS) == names


def test_it_lists_nodes_with_incidents_alone() -> None:
    bad = Trouble(1, Subject(Scope.NODE, "main", "b"), Rule.HOT, Severity.CRITICAL, "", START)
    views = [each._replace(troubles=(bad,)) if each.facts.id.node == "b" else each for each in MINERS.views]
    listing = Listing.parse({"firing": "1"})
    assert [each.facts.id.node for each in listing.apply(views)] == ["b"]
    assert listing.query() == "?firing=1"
    assert listing.narrows
    assert not listing.only(None).narrows


@pytest.mark.parametrize("text", ["ATTIC", "attic/rig2", "Rig2"])
def test_it_finds_text_in_names_whatever_the_case(text: str) -> None:
    assert order(Listing.parse({"q": f" {text} "}), FLEET) == ["rig2"]


def test_it_finds_text_in_hosts_and_tags() -> None:
    assert len(order(Listing(text="host1"), FLEET)) == 4
    assert order(Listing(text="nobody"), FLEET) == []


def test_it_lists_one_status_alone() -> None:
    assert order(Listing(status=NodeStatus.LOST), FLEET) == ["rig3"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"site": "attic"}, ["rig2"]),
        ({"site": "cellar"}, []),
        ({"host": "host1", "site": "main"}, ["rig3", "rig1", "rig10"]),
        ({"host": "host"}, []),
        ({"tag": "old"}, ["rig4"]),
    ],
)
def test_it_narrows_by_site_host_and_tag(query: dict[str, str], names: list[str]) -> None:
    tagged = msgspec.structs.replace(node("rig4", site="shed"), host="", tags=("old", "gpu"))
    everybody = fleet(*(each.facts for each in FLEET.views), tagged)
    assert order(Listing.parse(query), everybody) == names
    assert Listing.parse(query).narrows


def test_it_knows_what_the_fleet_can_be_narrowed_to() -> None:
    tagged = msgspec.structs.replace(node("rig4", site="shed"), host="", tags=("old", "gpu"))
    known = facets([*FLEET.views, *fleet(tagged).views])
    assert known == Facets(["attic", "main", "shed"], ["host1"], ["gpu", "old"])
    many = [msgspec.structs.replace(node(f"r{number}"), host=f"h{number}") for number in range(HOSTS_MAX + 1)]
    assert facets(fleet(*many).views).hosts == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"sort": "colour"}, "status, name, place, hashrate"),
        ({"sort": "hashrate", "dir": "down"}, "asc, desc"),
        ({"status": "asleep"}, "pending, online"),
        ({"q": "x" * 101}, "100 characters"),
        ({"tag": "x" * 201}, "200 characters"),
        ({"sort": ""}, "hashrate"),
    ],
)
def test_it_refuses_what_it_does_not_have_and_says_what_it_has(query: dict[str, str], names: str) -> None:
    with pytest.raises(BadQuery, match=names):
        Listing.parse(query)


@pytest.mark.parametrize("sort", Sort)
@pytest.mark.parametrize("falling", [True, False])
def test_it_reads_back_the_address_it_writes(sort: Sort, *, falling: bool) -> None:
    listing = Listing(sort, falling, NodeStatus.LOST, "a&b=c d", site="s", host="h&", tag="t t")
    assert Listing.parse(dict(parse_qsl(listing.query().removeprefix("?")))) == listing


def test_the_plain_listing_needs_no_query() -> None:
    assert Listing().query() == ""
    assert not Listing().narrows


def test_a_click_sorts_and_a_second_click_turns_round() -> None:
    for sort in Sort:
        once = Listing(Sort.NAME if sort is not Sort.NAME else Sort.STATUS).by(sort)
        assert once.falling is (sort in FALLS_FIRST)
        assert once.by(sort).falling is not once.falling


def test_numbers_in_names_count_as_numbers() -> None:
    assert sorted(["rig10", "Rig2", "rig", "10rig", "9rig"], key=natural) == ["9rig", "10rig", "rig", "Rig2", "rig10"]
