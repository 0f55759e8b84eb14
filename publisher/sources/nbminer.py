"""NBMiner: its HTTP API gives plain numbers in H/s beside those for people."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import Answers, chosen, miner_named, pool_of, uptime_since
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import DualShares, with_work
from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Milliseconds, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "NBMiner"


class NbminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:22333")


class NbminerDevice(DualShares):
    info: str | None = None
    pci_bus_id: Count | None = None
    hashrate_raw: Rate | None = None
    hashrate2_raw: Rate | None = None
    temperature: Celsius | None = None
    memory_temperature: Celsius | None = field(name="memTemperature", default=None)
    fan: Percent | None = None
    power: Watts | None = None


class NbminerCards(Struct):
    devices: list[NbminerDevice] = field(default_factory=list)
    total_hashrate_raw: Rate | None = None
    total_hashrate2_raw: Rate | None = None


class Stratum(DualShares):
    """What ends in 2 is of the second algorithm."""

    algorithm: str | None = None
    dual_mine: bool | None = None
    url: str | None = None
    url2: str | None = None
    latency: Milliseconds | None = None
    latency2: Milliseconds | None = None


class NbminerStatus(Struct):
    miner: NbminerCards
    stratum: Stratum
    start_time: Seconds | None = None
    version: str | None = None


class NbminerSource(MinerSource):
    title = _TITLE
    switch = "--api 127.0.0.1:22333"

    def read(self) -> Reading:
        return parse(self.ask("/api/v1/status"), self.algorithm, now=self.clock.now())


def parse(raw: bytes, algorithm: str = "", *, now: Millis) -> Reading:
    """The figures of `/api/v1/status`; two algorithms are written as `hns_ethash`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, NbminerStatus)
    stratum = answer.stratum
    names = [stratum.algorithm or None]
    if stratum.dual_mine:
        names = [*(stratum.algorithm or "").rsplit("_", maxsplit=1), None, None][:2]
    at = chosen(names, algorithm)
    reading = Reading(
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(stratum.url2 if at else stratum.url),
        uptime=uptime_since(answer.start_time, now),
        pool_latency=(stratum.latency2 if at else stratum.latency) or None,
    )
    works = [(name, _work(answer, second=bool(place))) for place, name in enumerate(names)]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.miner.devices, second=bool(at))))


def _work(of: NbminerStatus, *, second: bool) -> AlgorithmFigures:
    rate = of.miner.total_hashrate2_raw if second else of.miner.total_hashrate_raw
    return AlgorithmFigures(hashrate=rate, **of.stratum.counts(second=second))


def cards(devices: Sequence[NbminerDevice], *, second: bool) -> list[Card]:
    return [
        Card(
            id=pci.of_bus(device.pci_bus_id),
            name=device.info,
            hashrate=device.hashrate2_raw if second else device.hashrate_raw,
            temperature=device.temperature,
            memory_temperature=device.memory_temperature,
            power=device.power,
            fan=device.fan,
            **device.counts(second=second),
        )
        for device in devices
    ]
