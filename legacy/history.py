"""Takes the old tool's rows over into the store, page by page, as often as asked; counts what became of each."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from legacy.rows import LogRow, RowFault, convert
from rigwatch.clock import Millis
from rigwatch.messages import Sample
from rigwatch.topics import NodeId


class ImportOutcome(Protocol):
    """What the store says of one node's samples: `store.past.ImportCounts`."""

    @property
    def new(self) -> int: ...
    @property
    def there(self) -> int: ...
    @property
    def own(self) -> int: ...


class Progress(Protocol):
    """Told how many rows are done."""

    def __call__(self, rows: int, /) -> None: ...


Store: TypeAlias = Callable[[Mapping[NodeId, list[Sample]]], Mapping[NodeId, ImportOutcome]]


@dataclass(slots=True)
class NodeCount:
    """What became of one node's rows. `own`: of a time that the node has told rigwatch of itself."""

    new: int = 0
    there: int = 0
    own: int = 0
    old: int = 0


@dataclass(slots=True)
class Counted:
    """What became of all rows. `newcomers` are of nodes that the table had not when it was first looked at."""

    nodes: dict[int, NodeCount] = field(default_factory=dict)
    faults: Counter[RowFault] = field(default_factory=Counter)
    newcomers: int = 0
    oldest: Millis | None = None

    def total(self, what: str) -> int:
        return sum(getattr(each, what) for each in self.nodes.values())


def take_over(
    pages: Iterable[list[LogRow]],
    nodes: Mapping[int, NodeId],
    store: Store,
    *,
    since: Millis,
    now: Millis,
    progress: Progress,
) -> Counted:
    """`since` is from when on samples are kept; `store` is what stores, or only compares, a page's samples."""
    counted = Counted({number: NodeCount() for number in nodes})
    numbers = {node: number for number, node in nodes.items()}
    for page in pages:
        samples = _samples(page, nodes, counted, since=since, now=now)
        if samples:
            for node, taken in store(samples).items():
                count = counted.nodes[numbers[node]]
                count.new += taken.new
                count.there += taken.there
                count.own += taken.own
        progress(len(page))
    return counted


def _samples(
    page: list[LogRow], nodes: Mapping[int, NodeId], counted: Counted, *, since: Millis, now: Millis
) -> dict[NodeId, list[Sample]]:
    samples: dict[NodeId, list[Sample]] = {}
    for row in page:
        read = convert(row, now)
        if isinstance(read, RowFault):
            counted.faults[read] += 1
            continue
        number, sample = read
        node = nodes.get(number)
        if node is None:
            counted.newcomers += 1
            continue
        if counted.oldest is None or sample.at < counted.oldest:
            counted.oldest = sample.at
        if sample.at < since:
            counted.nodes[number].old += 1
        else:
            samples.setdefault(node, []).append(sample)
    return samples
