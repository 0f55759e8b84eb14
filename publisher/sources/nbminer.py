"""NBMiner: its HTTP API gives plain numbers in H/s beside those for people."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from rigwatch.clock import Millis
from rigwatch.settings.loader import Secret

_TITLE = "NBMiner"


class NbminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:22333")


class Device(Struct):
    info: str | None = None
    pci_bus_id: int | None = None
    hashrate_raw: float | None = None
    hashrate2_raw: float | None = None
    temperature: float | None = None
    memory_temperature: float | None = field(name="memTemperature", default=None)
    fan: float | None = None
    power: float | None = None


class Cards(Struct):
    devices: list[Device]
    total_hashrate_raw: float | None = None
    total_hashrate2_raw: float | None = None


class Stratum(Struct):
    """What ends in 2 is of the second algorithm."""

    algorithm: str | None = None
    dual_mine: bool | None = None
    url: str | None = None
    url2: str | None = None
    accepted_shares: int | None = None
    accepted_shares2: int | None = None
    rejected_shares: int | None = None
    rejected_shares2: int | None = None


class Status(Struct):
    miner: Cards
    stratum: Stratum
    start_time: float | None = None
    version: str | None = None


class NbminerSource(MinerSource):
    title = _TITLE
    switch = "--api 127.0.0.1:22333"

    def read(self) -> Reading:
        return parse(self.ask("/api/v1/status"), self.algorithm, now=self.clock.now())


def parse(raw: bytes, algorithm: str = "", *, now: Millis) -> Reading:
    """The figures of `/api/v1/status`; two algorithms are written as `hns_ethash`."""
    answer = decode(raw, Status, _TITLE)
    stratum = answer.stratum
    names = [stratum.algorithm or ""]
    if stratum.dual_mine:
        names = names[0].rsplit("_", maxsplit=1)
    second = chosen(names, algorithm) == 1
    reading = Reading(
        hashrate=answer.miner.total_hashrate2_raw if second else answer.miner.total_hashrate_raw,
        accepted=stratum.accepted_shares2 if second else stratum.accepted_shares,
        rejected=stratum.rejected_shares2 if second else stratum.rejected_shares,
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(stratum.url2 if second else stratum.url),
        uptime=_since(answer.start_time, now),
    )
    return with_cards(reading, cards(answer.miner.devices, second=second))


def cards(devices: Sequence[Device], *, second: bool) -> list[Card]:
    return [
        Card(
            id=None if device.pci_bus_id is None else pci.of_bus(device.pci_bus_id),
            name=device.info,
            hashrate=device.hashrate2_raw if second else device.hashrate_raw,
            temperature=device.temperature,
            memory_temperature=device.memory_temperature,
            power=device.power,
            fan=device.fan,
        )
        for device in devices
    ]


def _since(start: float | None, now: Millis) -> float | None:
    """Seconds; a clock that was set since the start must not make them negative."""
    return None if not start else max(0.0, now / 1000 - start)
