import msgspec

from alerts.facts import NodeFacts
from alerts.incident import Scope, Subject
from alerts.rule import Rule, Severity
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import fleet, gone, node, sample
from web.node_view import NodeView
from web.overview.groups import HOSTS_SHOWN, SITES_SHOWN, SiteSum, sites
from web.overview.listing import Listing
from web.trouble import Trouble

HOT = Trouble(1, Subject(Scope.NODE, "barn", "c"), Rule.HOT, Severity.CRITICAL, "", START)


def on(host: str, name: str, site: str = "barn", **figures: object) -> NodeFacts:
    facts = node(name, site=site)
    return msgspec.structs.replace(facts, host=host, sample=sample(START, **figures))


def of(*nodes: NodeFacts, troubled: str = "", listing: Listing | None = None) -> list[SiteSum]:
    views: list[NodeView] = [
        each._replace(troubles=(HOT,)) if each.facts.id.node == troubled else each for each in fleet(*nodes).views
    ]
    return sites(views, listing or Listing(), WebColours())


def test_a_host_sums_up_what_its_nodes_make_and_draw() -> None:
    barn, garage = of(
        on("box1", "a", hashrate=2e6, power=100, temperature=61),
        on("box1", "b", hashrate=1e6, power=50, temperature=70),
        on("box2", "c", hashrate=4e6),
        on("box1", "d", "garage", hashrate=1e6, power=10),
    )
    assert [host.name for host in barn.hosts] == ["box1", "box2"]
    box1, box2 = barn.hosts
    assert (box1.hashrate, str(box1.power), str(box1.efficiency), str(box1.hottest)) == (
        "3.00 MH/s",
        "150 W",
        "20 kH/s",
        "70 °C",
    )
    # What draws nobody knows how much counts in no watt.
    assert (box2.power.unit, box2.efficiency.unit) == ("", "")
    assert (barn.sum.hashrate, str(barn.sum.power), str(barn.sum.efficiency)) == ("7.00 MH/s", "150 W", "20 kH/s")
    assert (barn.sum.up, barn.sum.nodes) == (3, 3)
    assert garage.hosts == (), "a host with one node is that node's row"


def test_who_is_away_counts_for_nothing_and_marks_its_host() -> None:
    (barn,) = of(
        on("box1", "a", hashrate=2e6, power=100), gone(on("box1", "b", hashrate=1e6, power=50, temperature=99))
    )
    (box1,) = barn.hosts
    assert (box1.up, box1.nodes, box1.status, box1.hashrate) == (1, 2, "lost", "2.00 MH/s")
    assert (str(box1.power), box1.hottest.unit) == ("100 W", "")


def test_an_incident_marks_its_host_and_site() -> None:
    (barn,) = of(on("box1", "a", hashrate=1), on("box1", "b", hashrate=1), on("box2", "c", hashrate=1), troubled="c")
    assert [(host.name, host.firing, host.status) for host in barn.hosts] == [
        ("box1", 0, "online"),
        ("box2", 1, "critical"),
    ]
    assert (barn.sum.firing, barn.sum.status) == (1, "critical")


def test_several_algorithms_have_a_rate_each_and_no_efficiency() -> None:
    (barn,) = of(
        on("box1", "a", hashrate=2e6, power=100, algorithm="ethash"),
        on("box1", "b", hashrate=1e3, power=50, algorithm="rx/0"),
    )
    assert barn.hosts[0].hashrate == "2.00 MH/s ethash · 1.00 kH/s rx/0"
    assert barn.hosts[0].efficiency.unit == ""


def test_its_links_keep_what_else_narrows_the_list() -> None:
    listing = Listing.parse({"tag": "big", "sort": "power", "dir": "desc"})
    (barn,) = of(on("box1", "a"), on("box1", "b"), listing=listing)
    assert barn.hosts[0].query == "?sort=power&dir=desc&site=barn&host=box1&tag=big"


def test_where_every_node_is_a_host_at_one_site_there_is_nothing_to_sum_up() -> None:
    assert of(on("box1", "a"), on("box2", "b")) == []
    assert of(on("", "a"), on("", "b")) == []
    assert of() == []


def test_of_many_the_first_are_shown_by_name_and_the_rest_are_counted() -> None:
    many = [on(f"box{number}", f"n{number}-{card}") for number in range(HOSTS_SHOWN + 3) for card in range(2)]
    (barn,) = of(*many[:-1], gone(many[-1]))
    last = many[-1].host
    assert [host.name for host in barn.hosts[:3]] == ["box0", "box1", "box2"]
    assert barn.hosts[-1].name == last, "what is in trouble is shown in any case"
    assert (len(barn.hosts), barn.more) == (HOSTS_SHOWN, 3)
    assert len(of(*(on("box", f"n{number}", f"site{number}") for number in range(SITES_SHOWN + 5)))) == SITES_SHOWN
