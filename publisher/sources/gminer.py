"""GMiner: its HTTP API answers in hashes, solutions or graphs a second, whatever the algorithm counts."""

from collections.abc import Sequence

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_of, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, total, with_cards
from publisher.sources.reading import Reading
from rigwatch.settings.loader import Secret

_TITLE = "GMiner"


class GminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:10050")


class Device(Struct):
    """`speed2` is of the second algorithm."""

    bus_id: str | None = None
    name: str | None = None
    speed: float | None = None
    speed2: float | None = None
    fan: float | None = None
    temperature: float | None = None
    memory_temperature: float | None = None
    power_usage: float | None = None


class Stat(Struct):
    """What ends in 2 is of the second algorithm."""

    devices: list[Device]
    miner: str | None = None
    uptime: float | None = None
    algorithm: str | None = None
    server: str | None = None
    server2: str | None = None
    total_accepted_shares: int | None = None
    total_rejected_shares: int | None = None
    total_stale_shares: int | None = None
    total_accepted_shares2: int | None = None
    total_rejected_shares2: int | None = None
    total_stale_shares2: int | None = None


class GminerSource(MinerSource):
    title = _TITLE
    switch = "--api 10050"

    def read(self) -> Reading:
        return parse(self.ask("/stat"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/stat`; two algorithms are written as `Ethash + kHeavyHash`."""
    answer = decode(raw, Stat, _TITLE)
    second = chosen((answer.algorithm or "").split("+")[:2], algorithm) == 1
    speeds = [device.speed2 if second else device.speed for device in answer.devices]
    reading = Reading(
        hashrate=total(speeds),
        accepted=answer.total_accepted_shares2 if second else answer.total_accepted_shares,
        rejected=answer.total_rejected_shares2 if second else answer.total_rejected_shares,
        stale=answer.total_stale_shares2 if second else answer.total_stale_shares,
        miner=miner_of(answer.miner, _TITLE),
        pool=pool_of(answer.server2 if second else answer.server),
        uptime=answer.uptime,
    )
    return with_cards(reading, cards(answer.devices, speeds))


def cards(devices: Sequence[Device], speeds: Sequence[float | None]) -> list[Card]:
    return [
        Card(
            id=pci.address(device.bus_id or ""),
            name=device.name,
            hashrate=speed,
            temperature=device.temperature,
            memory_temperature=device.memory_temperature,
            power=device.power_usage,
            fan=device.fan,
        )
        for device, speed in zip(devices, speeds, strict=True)
    ]
