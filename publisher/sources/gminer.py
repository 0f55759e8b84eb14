"""GMiner: its HTTP API answers in hashes, solutions or graphs a second, whatever the algorithm counts."""

from collections.abc import Sequence

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import Answers, chosen, miner_of, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, total, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import DualShares, with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "GMiner"


class GminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:10050")


class GminerDevice(DualShares):
    """`speed2` is of the second algorithm."""

    bus_id: str | None = None
    name: str | None = None
    speed: Rate | None = None
    speed2: Rate | None = None
    fan: Percent | None = None
    temperature: Celsius | None = None
    memory_temperature: Celsius | None = None
    power_usage: Watts | None = None


class GminerStat(Struct):
    """What ends in 2 is of the second algorithm."""

    devices: list[GminerDevice]
    miner: str | None = None
    uptime: Seconds | None = None
    algorithm: str | None = None
    server: str | None = None
    server2: str | None = None
    total_accepted_shares: Count | None = None
    total_rejected_shares: Count | None = None
    total_stale_shares: Count | None = None
    total_invalid_shares: Count | None = None
    total_accepted_shares2: Count | None = None
    total_rejected_shares2: Count | None = None
    total_stale_shares2: Count | None = None
    total_invalid_shares2: Count | None = None


class GminerSource(MinerSource):
    title = _TITLE
    switch = "--api 10050"

    def read(self) -> Reading:
        return parse(self.ask("/stat"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/stat`; two algorithms are written as `Ethash + kHeavyHash`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, GminerStat)
    names = [name.strip() or None for name in (answer.algorithm or "").split("+")[:2]]
    at = chosen(names, algorithm)
    reading = Reading(
        miner=miner_of(answer.miner, _TITLE),
        pool=pool_of(answer.server2 if at else answer.server),
        uptime=answer.uptime,
    )
    works = [(name, _work(answer, second=bool(place))) for place, name in enumerate(names)]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.devices, second=bool(at))))


def _work(of: GminerStat, *, second: bool) -> AlgorithmFigures:
    return AlgorithmFigures(
        hashrate=total([device.speed2 if second else device.speed for device in of.devices]),
        accepted=of.total_accepted_shares2 if second else of.total_accepted_shares,
        rejected=of.total_rejected_shares2 if second else of.total_rejected_shares,
        stale=of.total_stale_shares2 if second else of.total_stale_shares,
        invalid=of.total_invalid_shares2 if second else of.total_invalid_shares,
    )


def cards(devices: Sequence[GminerDevice], *, second: bool) -> list[Card]:
    return [
        Card(
            id=pci.address(device.bus_id or ""),
            name=device.name,
            hashrate=device.speed2 if second else device.speed,
            temperature=device.temperature,
            memory_temperature=device.memory_temperature,
            power=device.power_usage,
            fan=device.fan,
            **device.counts(second=second),
        )
        for device in devices
    ]
