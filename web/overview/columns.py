"""Which columns the list has: some always, others where any node of the fleet has that figure. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final, NamedTuple

from alerts.totals import spelt
from rigwatch.messages import Sample
from web.language.texts import N_
from web.node_view import NodeView, efficiency
from web.overview.listing import ALWAYS, OF_AVERAGES, Listing, Sort

Columns = frozenset[Sort]

EVERY: Final[Columns] = frozenset(Sort)

_COLUMNS: Final = (
    (Sort.STATUS, N_("Status"), ""),
    (Sort.NAME, N_("Node"), ""),
    (Sort.PLACE, N_("Site · host"), ""),
    (Sort.HASHRATE, N_("Hashrate"), "num"),
    (Sort.ALGORITHM, N_("Algorithm"), ""),
    (Sort.EFFICIENCY, N_("Per watt"), "num"),
    (Sort.CARDS, N_("Cards"), "num"),
    (Sort.PEERS, N_("Peers"), "num"),
    (Sort.BLOCK, N_("Block"), "num"),
    (Sort.TEMPERATURE, N_("Temp."), "num"),
    (Sort.POWER, N_("Power"), "num"),
    (Sort.AVERAGE, N_("Average"), "num"),
    (Sort.CHANGE, N_("Now vs average"), "num"),
    (Sort.MEAN_PEERS, N_("Average peers"), "num"),
    (Sort.SAMPLES, N_("Samples"), "num"),
    (Sort.AGE, N_("Last report"), "num"),
)


# Said in the one column of averages, or of interest to few.
_ASKED_FOR: Final = frozenset({Sort.CHANGE, Sort.MEAN_PEERS, Sort.SAMPLES})


class Column(NamedTuple):
    """The head of a column; `sorted` is aria's word for its order, empty where the list is not ordered by it."""

    name: str
    label: str
    kind: str
    query: str
    sorted: str


class ColumnChoice(NamedTuple):
    """A column as the reader may choose it."""

    name: str
    label: str
    chosen: bool


def columns_of(views: Iterable[NodeView], listing: Listing) -> Columns:
    """Those that were chosen. By default an algorithm stands in each row where there are several, a number of cards
    where any node has more than one, and no figure that no node has."""
    # What the address orders by stays, so that its head tells the order.
    kept = ALWAYS | {listing.sort}
    if listing.columns:
        return listing.columns | kept
    samples = [each.facts.sample for each in views if each.facts.sample]
    found = {sort for sort, has in _WHERE.items() if any(has(sample) for sample in samples)}
    several = len({spelt(sample.algorithm) for sample in samples if sample.algorithm}) > 1
    rare = {*_WHERE, *_ASKED_FOR, *([] if several else [Sort.ALGORITHM])} - found
    return EVERY - rare | kept


def needs_averages(columns: Columns) -> bool:
    return not columns.isdisjoint(OF_AVERAGES)


def choices(columns: Columns) -> list[ColumnChoice]:
    return [ColumnChoice(sort.value, label, sort in columns) for sort, label, _ in _COLUMNS if sort not in ALWAYS]


def heads(listing: Listing, columns: Columns) -> list[Column]:
    order = "descending" if listing.falling else "ascending"
    return [
        Column(sort.value, label, kind, listing.by(sort).query(), order if sort is listing.sort else "")
        for sort, label, kind in _COLUMNS
        if sort in columns
    ]


_WHERE: Final[Mapping[Sort, Callable[[Sample], bool]]] = {
    Sort.EFFICIENCY: lambda sample: bool(efficiency(sample)),
    Sort.CARDS: lambda sample: len(sample.gpus or sample.boards or ()) > 1,
    Sort.PEERS: lambda sample: sample.peers is not None,
    Sort.BLOCK: lambda sample: sample.block is not None,
    Sort.TEMPERATURE: lambda sample: sample.temperature is not None,
    Sort.POWER: lambda sample: sample.power is not None,
}
