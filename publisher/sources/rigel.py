"""Rigel: its HTTP API gives everything by the algorithm's name."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from rigwatch.settings.loader import Secret

_TITLE = "Rigel"


class RigelSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:5000")


class Sensors(Struct):
    core_temperature: float | None = None
    memory_temperature: float | None = None
    fan_speed: float | None = None
    power_usage: float | None = None


class Device(Struct):
    name: str | None = None
    pci_address: str | None = None
    sensors: Sensors | None = field(name="monitoring_info", default=None)
    hashrate: dict[str, float | None] | None = None


class Solutions(Struct):
    accepted: int | None = None
    rejected: int | None = None


class Connection(Struct):
    hostname: str | None = None
    port: int | None = None


class Pool(Struct):
    connection_details: Connection | None = None


class Stat(Struct):
    algorithm: str
    devices: list[Device]
    hashrate: dict[str, float | None] | None = None
    solution_stat: dict[str, Solutions | None] | None = None
    pools: dict[str, list[Pool] | None] | None = None
    version: str | None = None
    uptime: float | None = None


class RigelSource(MinerSource):
    title = _TITLE
    switch = "--api-bind 127.0.0.1:5000"

    def read(self) -> Reading:
        return parse(self.ask("/stat"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/stat`; two algorithms are written as `etchash+kaspa`."""
    answer = decode(raw, Stat, _TITLE)
    names = answer.algorithm.split("+")
    name = names[chosen(names, algorithm)]
    solutions = (answer.solution_stat or {}).get(name) or Solutions()
    reading = Reading(
        hashrate=(answer.hashrate or {}).get(name),
        accepted=solutions.accepted,
        rejected=solutions.rejected,
        miner=miner_named(_TITLE, answer.version),
        pool=_pool((answer.pools or {}).get(name) or []),
        uptime=answer.uptime,
    )
    return with_cards(reading, cards(answer.devices, name))


def cards(devices: Sequence[Device], algorithm: str) -> list[Card]:
    return [_card(device, device.sensors or Sensors(), algorithm) for device in devices]


def _card(device: Device, sensors: Sensors, algorithm: str) -> Card:
    return Card(
        id=pci.address(device.pci_address or ""),
        name=device.name,
        hashrate=(device.hashrate or {}).get(algorithm),
        temperature=sensors.core_temperature,
        memory_temperature=sensors.memory_temperature,
        power=sensors.power_usage,
        fan=sensors.fan_speed,
    )


def _pool(pools: Sequence[Pool]) -> str | None:
    place = pools[0].connection_details if pools else None
    return pool_of(f"{place.hostname}:{place.port}") if place and place.hostname else None
