"""Rigel: its HTTP API gives everything by the algorithm's name."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import Answers, chosen, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Milliseconds, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "Rigel"


class RigelSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:5000")


class Solutions(Struct):
    accepted: Count | None = None
    rejected: Count | None = None
    invalid: Count | None = None


class RigelSensors(Struct):
    core_temperature: Celsius | None = None
    memory_temperature: Celsius | None = None
    fan_speed: Percent | None = None
    power_usage: Watts | None = None


class RigelDevice(Struct):
    name: str | None = None
    pci_address: str | None = None
    sensors: RigelSensors | None = field(name="monitoring_info", default=None)
    hashrate: dict[str, Rate | None] | None = None
    solution_stat: dict[str, Solutions | None] | None = None


class RigelConnection(Struct):
    hostname: str | None = None
    port: int | None = None


class RigelPool(Struct):
    connection_details: RigelConnection | None = None
    average_latency_ms: Milliseconds | None = None


class RigelStat(Struct):
    algorithm: str | None
    devices: list[RigelDevice]
    hashrate: dict[str, Rate | None] | None = None
    solution_stat: dict[str, Solutions | None] | None = None
    pools: dict[str, list[RigelPool] | None] | None = None
    version: str | None = None
    uptime: Seconds | None = None


class RigelSource(MinerSource):
    title = _TITLE
    switch = "--api-bind 127.0.0.1:5000"

    def read(self) -> Reading:
        return parse(self.ask("/stat"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/stat`; two algorithms are written as `etchash+kaspa`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, RigelStat)
    # Everything goes by the names, so they can be read there as well.
    names = (answer.algorithm or "+".join(answer.hashrate or ())).split("+")
    at = chosen(names, algorithm)
    pool = next(iter((answer.pools or {}).get(names[at]) or ()), RigelPool())
    reading = Reading(
        miner=miner_named(_TITLE, answer.version),
        pool=_place(pool.connection_details),
        uptime=answer.uptime,
        pool_latency=pool.average_latency_ms or None,
    )
    works = [(name, _work(answer, name)) for name in names]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.devices, names[at])))


def _work(of: RigelStat, name: str) -> AlgorithmFigures:
    solutions = (of.solution_stat or {}).get(name) or Solutions()
    return AlgorithmFigures(
        hashrate=(of.hashrate or {}).get(name),
        accepted=solutions.accepted,
        rejected=solutions.rejected,
        invalid=solutions.invalid,
    )


def cards(devices: Sequence[RigelDevice], algorithm: str) -> list[Card]:
    return [_card(device, device.sensors or RigelSensors(), algorithm) for device in devices]


def _card(device: RigelDevice, sensors: RigelSensors, algorithm: str) -> Card:
    solutions = (device.solution_stat or {}).get(algorithm) or Solutions()
    return Card(
        id=pci.address(device.pci_address or ""),
        name=device.name,
        hashrate=(device.hashrate or {}).get(algorithm),
        temperature=sensors.core_temperature,
        memory_temperature=sensors.memory_temperature,
        power=sensors.power_usage,
        fan=sensors.fan_speed,
        accepted=solutions.accepted,
        rejected=solutions.rejected,
        invalid=solutions.invalid,
    )


def _place(place: RigelConnection | None) -> str | None:
    return pool_of(f"{place.hostname}:{place.port}") if place and place.hostname else None
