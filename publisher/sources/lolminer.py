"""lolMiner: its HTTP API gives each algorithm's rate in a unit of its own, with the factor to H/s beside it."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_of, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading, SourceError
from rigwatch.settings.loader import Secret

_TITLE = "lolMiner"


class LolminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:8020")


def _spelt(name: str) -> str:
    """`total_stales` is `Total_Stales` in its answers."""
    return "_".join(word.capitalize() for word in name.split("_"))


class Session(Struct, rename=_spelt):
    uptime: float | None = None


class Worker(Struct, rename=_spelt):
    """A card."""

    name: str | None = None
    pcie_address: str | None = field(name="PCIE_Address", default=None)
    core_temp: float | None = None
    mem_temp: float | None = None
    fan_speed: float | None = None
    power: float | None = None


class Algorithm(Struct, rename=_spelt):
    performance_factor: float
    algorithm: str | None = None
    pool: str | None = None
    total_performance: float | None = None
    total_accepted: int | None = None
    total_rejected: int | None = None
    total_stales: int | None = None
    worker_performance: list[float | None] | None = None


class Summary(Struct, rename=_spelt):
    algorithms: list[Algorithm]
    workers: list[Worker]
    software: str | None = None
    session: Session | None = None


class LolminerSource(MinerSource):
    title = _TITLE
    switch = "--apiport 8020"

    def read(self) -> Reading:
        return parse(self.ask("/summary"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/summary`, as lolMiner writes it since about 1.4."""
    answer = decode(raw, Summary, _TITLE)
    if not answer.algorithms:
        raise SourceError("lolMiner says of no algorithm that it mines it")
    this = answer.algorithms[chosen([each.algorithm for each in answer.algorithms], algorithm)]
    reading = Reading(
        hashrate=_times(this.total_performance, this.performance_factor),
        accepted=this.total_accepted,
        rejected=this.total_rejected,
        stale=this.total_stales,
        miner=miner_of(answer.software, _TITLE),
        pool=pool_of(this.pool),
        uptime=answer.session.uptime if answer.session else None,
    )
    return with_cards(reading, cards(answer.workers, this))


def cards(workers: Sequence[Worker], algorithm: Algorithm) -> list[Card]:
    rates = algorithm.worker_performance or []
    return [
        Card(
            id=pci.decimal(worker.pcie_address or ""),
            name=worker.name,
            hashrate=_times(rates[at], algorithm.performance_factor) if at < len(rates) else None,
            temperature=worker.core_temp,
            memory_temperature=worker.mem_temp,
            power=worker.power,
            fan=worker.fan_speed,
        )
        for at, worker in enumerate(workers)
    ]


def _times(rate: float | None, factor: float) -> float | None:
    return None if rate is None else rate * factor
