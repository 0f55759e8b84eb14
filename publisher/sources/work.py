"""What is done for each algorithm, as the figures of a node. Rates of different algorithms are never added up."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct, structs

from publisher.sources.answers import algorithm_of
from publisher.sources.reading import Reading
from rigwatch.figures import ALGORITHMS_MAX, AlgorithmFigures, Count

_COUNTS = ("accepted", "rejected", "stale", "invalid")


class DualShares(Struct):
    """Of a miner of two algorithms; what ends in 2 is of the second."""

    accepted_shares: Count | None = None
    accepted_shares2: Count | None = None
    rejected_shares: Count | None = None
    rejected_shares2: Count | None = None
    invalid_shares: Count | None = None
    invalid_shares2: Count | None = None

    def counts(self, *, second: bool) -> dict[str, int | None]:
        """Of one of them, under the names that samples have."""
        names = ("accepted", "rejected", "invalid")
        return {name: getattr(self, f"{name}_shares{'2' if second else ''}") for name in names}


def with_work(reading: Reading, works: Sequence[tuple[str | None, AlgorithmFigures]], at: int) -> Reading:
    """The reading of a miner that does these: the figures of the node are those of the one `at`, and where there are
    several algorithms each has its own.
    """
    name, work = works[at]
    merged = merged_works((algorithm_of(each), done) for each, done in works)
    named = {each: done for each, done in merged.items() if each is not None}
    own = merged[algorithm_of(name)] if algorithm_of(name) else work
    return structs.replace(with_node(reading, own), algorithm=algorithm_of(name), algorithms=listed(named))


def with_node(reading: Reading, work: AlgorithmFigures) -> Reading:
    """The reading with these as the figures of the node."""
    return structs.replace(
        reading,
        hashrate=work.hashrate,
        accepted=work.accepted,
        rejected=work.rejected,
        stale=work.stale,
        invalid=work.invalid,
    )


def listed(works: Mapping[str, AlgorithmFigures]) -> dict[str, AlgorithmFigures] | None:
    """What `algorithms` says: nothing where there is one, whose figures are the node's."""
    return dict(list(works.items())[:ALGORITHMS_MAX]) if len(works) > 1 else None


def merged_works(works: Iterable[tuple[str | None, AlgorithmFigures]]) -> dict[str | None, AlgorithmFigures]:
    """By algorithm, in the order they come; those of one algorithm are added up."""
    merged: dict[str | None, AlgorithmFigures] = {}
    for name, work in works:
        merged[name] = _added(merged[name], work) if name in merged else work
    return merged


def _added(first: AlgorithmFigures, second: AlgorithmFigures) -> AlgorithmFigures:
    """A rate is known where both are; a miner that does not count something adds nothing to it."""
    both = first.hashrate is not None and second.hashrate is not None
    counts = {name: _sum(getattr(first, name), getattr(second, name)) for name in _COUNTS}
    return AlgorithmFigures(hashrate=(first.hashrate or 0) + (second.hashrate or 0) if both else None, **counts)


def _sum(first: int | None, second: int | None) -> int | None:
    return (first or 0) + (second or 0) if first is not None or second is not None else None
