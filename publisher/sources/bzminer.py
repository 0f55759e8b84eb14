"""BzMiner: its HTTP API gives each device's figures once for each pool that the device mines to."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import Answers, at_place, chosen, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, total, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "BzMiner"
_PROCESSOR: Final = 4
"""`vendor` of a device that is no card."""


class BzminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:4014")


class BzminerPool(Struct):
    algorithm: str | None = None
    id: int | None = None
    current_url: str | None = None
    valid_solutions: Count | None = None
    rejected_solutions: Count | None = None
    stale_solutions: Count | None = None
    invalid_solutions: Count | None = None


class BzminerDevice(Struct):
    """`pool` has the ids of its pools, in the order of its other lists."""

    name: str | None = None
    vendor: int | None = None
    pci_bus_id: Count | None = None
    pool: list[int | None] | None = None
    hashrate: list[Rate | None] | None = None
    valid_solutions: list[Count | None] | None = None
    rejected_solutions: list[Count | None] | None = None
    stale_solutions: list[Count | None] | None = None
    invalid_solutions: list[Count | None] | None = None
    core_temp: Celsius | None = None
    mem_temp: Celsius | None = None
    fan: Percent | None = None
    power: Watts | None = None


class BzminerStatus(Struct):
    devices: list[BzminerDevice]
    pools: list[BzminerPool]
    bzminer_version: str | None = None
    uptime_s: Seconds | None = None


class BzminerSource(MinerSource):
    title = _TITLE
    switch = "--http_enabled 1 (or http_enabled in its config.txt)"
    login = "start BzMiner without --http_password, or let `url` hold the login"

    def read(self) -> Reading:
        return parse(self.ask("/status"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/status`: of the first pool, or of the first with the algorithm of the settings."""
    told = Answers(_TITLE)
    answer = told.decode(raw, BzminerStatus)
    pools = answer.pools or [BzminerPool()]
    at = chosen([pool.algorithm for pool in pools], algorithm)
    reading = Reading(
        miner=miner_named(_TITLE, (answer.bzminer_version or "").removeprefix("v")),
        pool=pool_of(pools[at].current_url),
        uptime=answer.uptime_s,
    )
    works = [(pool.algorithm, _work(answer.devices, pool, place)) for place, pool in enumerate(pools)]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.devices, pools[at], at)))


def _work(devices: Sequence[BzminerDevice], pool: BzminerPool, at: int) -> AlgorithmFigures:
    of = [(device, place) for device in devices if (place := _place(device, pool, at)) is not None]
    # A device that has no hashrate for the pool at all does not mine to it; one that has null is not measured yet.
    rates = [device.hashrate[place] for device, place in of if device.hashrate and place < len(device.hashrate)]
    return AlgorithmFigures(
        hashrate=total(rates),
        accepted=_shares(pool.valid_solutions, [at_place(device.valid_solutions, place) for device, place in of]),
        rejected=_shares(pool.rejected_solutions, [at_place(device.rejected_solutions, place) for device, place in of]),
        stale=_shares(pool.stale_solutions, [at_place(device.stale_solutions, place) for device, place in of]),
        invalid=_shares(pool.invalid_solutions, [at_place(device.invalid_solutions, place) for device, place in of]),
    )


def cards(devices: Sequence[BzminerDevice], pool: BzminerPool, at: int) -> list[Card]:
    return [_card(device, _place(device, pool, at)) for device in devices if device.vendor != _PROCESSOR]


def _card(device: BzminerDevice, place: int | None) -> Card:
    return Card(
        id=pci.of_bus(device.pci_bus_id),
        name=device.name,
        hashrate=at_place(device.hashrate, place),
        temperature=device.core_temp,
        memory_temperature=device.mem_temp,
        power=device.power,
        fan=device.fan,
        accepted=at_place(device.valid_solutions, place),
        rejected=at_place(device.rejected_solutions, place),
        invalid=at_place(device.invalid_solutions, place),
    )


def _place(device: BzminerDevice, pool: BzminerPool, at: int) -> int | None:
    """Where in the device's lists the pool's figures stand; None where it does not mine to it."""
    if device.pool is None or pool.id is None:
        return at
    return device.pool.index(pool.id) if pool.id in device.pool else None


def _shares(of_pool: int | None, of_devices: Sequence[int | None]) -> int | None:
    """The pool's own count, or the devices' together: one that found none yet may lack it."""
    if of_pool is not None:
        return of_pool
    known = [count for count in of_devices if count is not None]
    return sum(known) if known else None
