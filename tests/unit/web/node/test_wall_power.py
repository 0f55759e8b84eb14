"""The power at the wall, as the page of a node says it."""

import pytest

from alerts.plugs import PlugFacts, PlugState
from rigwatch.topics import NodeId
from web.node.wall_power import wall_power

NOW, MINUTE = 1_700_000_000_000, 60_000
RIG, NEXT = NodeId("garage", "rig1"), NodeId("garage", "rig2")


def plug(name: str, watts: float | None, *, at: int = NOW, online: bool | None = True, nodes: int = 1) -> PlugFacts:
    state = PlugState(watts=watts, watts_at=at, is_online=online)
    return PlugFacts(name, "tasmota", f"tele/{name}", nodes=(RIG, NEXT)[:nodes], state=state)


@pytest.mark.parametrize(
    ("plugs", "drawn", "text", "note"),
    [
        ([plug("a", 412.4)], {"a": 9876.0, "z": 1.0}, "412", "9.9 kWh in 24 h"),
        ([plug("a", 200), plug("b", 210)], {"a": 1000.0, "b": 500.0}, "410", "1.5 kWh in 24 h"),
        # Of one of two that is silent, nobody knows what both draw.
        ([plug("a", 200), plug("b", None)], {}, "–", ""),
        ([plug("a", 412, at=NOW - 16 * MINUTE)], {}, "–", ""),
        ([plug("a", 412, online=False)], {}, "–", "a does not answer"),
        ([plug("a", 0)], {}, "0", ""),
        ([plug("a", 412, nodes=2)], {}, "412", "with 1 other node"),
    ],
)
def test_what_the_plugs_say(plugs: list[PlugFacts], drawn: dict[str, float], text: str, note: str) -> None:
    (card,) = wall_power(plugs, drawn, NOW)
    assert (card.label, card.value.text, card.note) == ("At the wall", text, note)
    # Also of a node that is lost: it is then that people look.
    assert card.is_now


def test_a_node_without_a_plug_has_no_such_figure() -> None:
    assert wall_power([], {}, NOW) == []
