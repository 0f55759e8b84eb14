"""A cell for each node, in the colour of what is worst of it."""

import pytest

from alerts.incident import Scope, Subject
from alerts.rule import Rule, Severity
from tests.fake_clock import START
from tests.unit.web.made import fleet, gone, node
from web.heat import heat
from web.trouble import Trouble

HOT = Trouble(1, Subject(Scope.NODE, "main", "b"), Rule.HOT, Severity.CRITICAL, "", START)


def test_each_node_has_a_cell_by_what_is_worst_of_it() -> None:
    calm, hot, lost, well = fleet(node("a"), node("b"), gone(node("c")), node("d")).views
    made = heat([calm, hot._replace(troubles=(HOT,)), lost, well], 1)
    assert (made.width, made.height) == (2, 2)
    assert dict(made.paths) == {"online": "M0 0h1M1 1h1", "critical": "M1 0h1", "lost": "M0 1h1"}


def test_what_somebody_knows_of_does_not_shout() -> None:
    calm, hot, lost = fleet(node("a"), node("b"), gone(node("c"))).views
    known = HOT._replace(hush=("acknowledged by ada",))
    gone_as_well = known._replace(rule=Rule.LOST)
    views = [calm, hot._replace(troubles=(known,)), lost._replace(troubles=(gone_as_well,))]
    assert [word for word, _ in heat(views, 1).paths] == ["online", "critical quiet", "lost quiet"]
    unknown = [hot._replace(troubles=(HOT, known)), lost._replace(troubles=(known,))]
    assert [word for word, _ in heat(unknown, 1).paths] == ["critical", "lost"]


@pytest.mark.parametrize(("nodes", "ratio", "size"), [(0, 5, (1, 1)), (1, 5, (3, 1)), (1000, 5, (71, 15))])
def test_it_is_about_as_wide_as_asked_and_has_room_for_all(nodes: int, ratio: float, size: tuple[int, int]) -> None:
    made = heat(fleet(*(node(f"rig{number}") for number in range(nodes))).views, ratio)
    assert (made.width, made.height) == size
    assert sum(path.count("M") for _, path in made.paths) == nodes


def test_ten_thousand_nodes_are_little_to_send() -> None:
    made = heat(fleet(*(node(f"rig{number}") for number in range(10_000))).views, 5)
    assert sum(len(path) for _, path in made.paths) < 100_000
