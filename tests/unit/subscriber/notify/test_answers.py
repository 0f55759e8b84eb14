"""What a chat that asks is told of the fleet."""

from zoneinfo import ZoneInfo

from alerts.facts import NodeFacts
from subscriber.notify.answers import FleetState, answer
from tests.fake_clock import START
from tests.unit.web.made import SERVER, gone, node


def status(*nodes: NodeFacts) -> str:
    return answer("/status", FleetState(nodes, SERVER, (), (), ZoneInfo("UTC"), START))


def test_one_algorithm_is_added_up() -> None:
    told = status(node("a", hashrate=60e6, algorithm="ethash"), node("b", hashrate=40e6), gone(node("c", hashrate=9e9)))
    assert told == "2 online, 1 lost\n100 MH/s in all\n0 incidents open"
    assert status() == "no nodes\n0 H/s in all\n0 incidents open"


def test_two_algorithms_are_told_each_by_itself() -> None:
    nodes = [node(name, hashrate=418e6, algorithm="ethash") for name in ("a", "b")]
    told = status(*nodes, node("c", hashrate=24.1e3, algorithm="rx/0"))
    assert told == "3 online\n836 MH/s ethash · 24.1 kH/s rx/0\n0 incidents open"
