"""lolMiner: its HTTP API gives each algorithm's rate in a unit of its own, with the factor to H/s beside it."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import Answers, at_place, chosen, miner_of, pool_of, scaled
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "lolMiner"


class LolminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:8020")


def _spelt(name: str) -> str:
    """`total_stales` is `Total_Stales` in its answers."""
    return "_".join(word.capitalize() for word in name.split("_"))


class LolminerSession(Struct, rename=_spelt):
    uptime: Seconds | None = None


class LolminerWorker(Struct, rename=_spelt):
    """A card."""

    name: str | None = None
    pcie_address: str | None = field(name="PCIE_Address", default=None)
    core_temp: Celsius | None = None
    mem_temp: Celsius | None = None
    fan_speed: Percent | None = None
    power: Watts | None = None


class LolminerAlgorithm(Struct, rename=_spelt):
    performance_factor: Rate | None = None
    algorithm: str | None = None
    pool: str | None = None
    total_performance: Rate | None = None
    total_accepted: Count | None = None
    total_rejected: Count | None = None
    total_stales: Count | None = None
    total_errors: Count | None = None
    worker_accepted: list[Count | None] | None = None
    worker_rejected: list[Count | None] | None = None
    worker_errors: list[Count | None] | None = None
    worker_performance: list[Rate | None] | None = None


class LolminerSummary(Struct, rename=_spelt):
    algorithms: list[LolminerAlgorithm]
    workers: list[LolminerWorker]
    software: str | None = None
    session: LolminerSession | None = None


class LolminerSource(MinerSource):
    title = _TITLE
    switch = "--apiport 8020"

    def read(self) -> Reading:
        return parse(self.ask("/summary"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/summary`, as lolMiner writes it since about 1.4."""
    told = Answers(_TITLE)
    answer = told.decode(raw, LolminerSummary)
    of = answer.algorithms or [LolminerAlgorithm()]
    at = chosen([each.algorithm for each in of], algorithm)
    reading = Reading(
        lacks="" if answer.algorithms else f"{_TITLE} says of no algorithm that it mines it",
        miner=miner_of(answer.software, _TITLE),
        pool=pool_of(of[at].pool),
        uptime=answer.session.uptime if answer.session else None,
    )
    works = [(each.algorithm, _work(each)) for each in of]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.workers, of[at])))


def _work(of: LolminerAlgorithm) -> AlgorithmFigures:
    """`Total_Errors` are shares that the miner itself found to be wrong."""
    return AlgorithmFigures(
        hashrate=scaled(of.total_performance, of.performance_factor),
        accepted=of.total_accepted,
        rejected=of.total_rejected,
        stale=of.total_stales,
        invalid=of.total_errors,
    )


def cards(workers: Sequence[LolminerWorker], algorithm: LolminerAlgorithm) -> list[Card]:
    return [
        Card(
            id=pci.decimal(worker.pcie_address or ""),
            name=worker.name,
            hashrate=scaled(at_place(algorithm.worker_performance, at), algorithm.performance_factor),
            temperature=worker.core_temp,
            memory_temperature=worker.mem_temp,
            power=worker.power,
            fan=worker.fan_speed,
            accepted=at_place(algorithm.worker_accepted, at),
            rejected=at_place(algorithm.worker_rejected, at),
            invalid=at_place(algorithm.worker_errors, at),
        )
        for at, worker in enumerate(workers)
    ]
