"""OneZeroMiner: its HTTP API gives the sensors of each card, and for each algorithm a list of rates in their order."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import Answers, at_place, chosen, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.messages import Celsius, Count, Percent, Rate, Seconds, Watts, Work
from rigwatch.settings.loader import Secret

_TITLE: Final = "OneZeroMiner"


class OneZeroMinerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:3001")


class Device(Struct):
    bus_id: Count | None = None
    name: str | None = None
    temp: Celsius | None = None
    mem_temp: Celsius | None = None
    fan: Percent | None = None
    power: Watts | None = None


class Algorithm(Struct):
    name: str | None = None
    pool: str | None = None
    total_hashrate: Rate | None = None
    hashrates: list[Rate | None] | None = None
    total_accepted_shares: Count | None = None
    total_rejected_shares: Count | None = None
    devices_accepted_shares: list[Count | None] | None = None
    devices_rejected_shares: list[Count | None] | None = None


class Status(Struct):
    algos: list[Algorithm]
    devices: list[Device]
    version: str | None = None
    uptime_seconds: Seconds | None = None


class OneZeroMinerSource(MinerSource):
    title = _TITLE
    switch = "--api-port 3001"

    def read(self) -> Reading:
        return parse(self.ask("/"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, Status)
    of = answer.algos or [Algorithm()]
    at = chosen([each.name for each in of], algorithm)
    reading = Reading(
        lacks="" if answer.algos else f"{_TITLE} says of no algorithm that it mines it",
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(of[at].pool),
        uptime=answer.uptime_seconds,
    )
    works = [(each.name, _work(each)) for each in of]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.devices, of[at])))


def _work(of: Algorithm) -> Work:
    return Work(hashrate=of.total_hashrate, accepted=of.total_accepted_shares, rejected=of.total_rejected_shares)


def cards(devices: Sequence[Device], of: Algorithm) -> list[Card]:
    return [
        Card(
            id=None if device.bus_id is None else pci.of_bus(device.bus_id),
            name=device.name,
            hashrate=at_place(of.hashrates, at),
            temperature=device.temp,
            memory_temperature=device.mem_temp,
            power=device.power,
            fan=device.fan,
            accepted=at_place(of.devices_accepted_shares, at),
            rejected=at_place(of.devices_rejected_shares, at),
        )
        for at, device in enumerate(devices)
    ]
