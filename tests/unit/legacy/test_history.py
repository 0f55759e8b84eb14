from collections.abc import Mapping
from dataclasses import dataclass

from legacy.history import NodeCount, take_over
from legacy.rows import LogRow, RowFault
from rigwatch.messages import Sample
from rigwatch.topics import NodeId

NOW = 1_760_000_000_000
HOUR = 3_600_000
NODES = {1: NodeId("main", "a"), 2: NodeId("main", "b")}


@dataclass(frozen=True, slots=True)
class Taken:
    new: int
    there: int = 0
    own: int = 0


def row(number: int, node: int | None, hours: float) -> LogRow:
    return LogRow(number, node, "x", (NOW - hours * HOUR) / 1000, 1, 1, 1)


def test_each_row_is_counted_once_for_what_became_of_it() -> None:
    stored: list[dict[str, int]] = []
    done: list[int] = []

    def store(samples: Mapping[NodeId, list[Sample]]) -> Mapping[NodeId, Taken]:
        stored.append({node.node: len(each) for node, each in samples.items()})
        return {node: Taken(len(each) - 1, there=1) for node, each in samples.items()}

    pages = [
        [row(1, 1, 1), row(2, 1, 2), row(3, 2, 3)],
        [row(4, 1, 49), row(5, None, 1), row(6, 7, 1)],
        [row(7, 2, 4), row(8, 2, 5)],
    ]
    counted = take_over(pages, NODES, store, since=NOW - 48 * HOUR, now=NOW, progress=done.append)
    assert stored == [{"a": 2, "b": 1}, {"b": 2}]
    assert done == [3, 3, 2]
    assert counted.nodes == {1: NodeCount(new=1, there=1, old=1), 2: NodeCount(new=1, there=2)}
    assert (counted.total("new"), counted.total("there"), counted.total("old")) == (2, 3, 1)
    assert counted.faults == {RowFault.NO_NODE: 1}
    assert counted.newcomers == 1
    assert counted.oldest == NOW - 49 * HOUR


def test_an_empty_table_is_nothing() -> None:
    counted = take_over([], NODES, lambda _: {}, since=0, now=NOW, progress=lambda _: None)
    assert counted.total("new") == 0
    assert counted.oldest is None
