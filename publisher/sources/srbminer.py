"""SRBMiner-MULTI, on processors and cards: each algorithm has what both do for it."""

from collections.abc import Sequence
from http import HTTPStatus

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, total, with_cards
from publisher.sources.http import StatusError
from publisher.sources.reading import Reading, SourceError
from rigwatch.settings.loader import Secret

_TITLE = "SRBMiner-MULTI"


class SrbminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:21550")


class Device(Struct):
    """`device` is the name that its hashrate goes by: gpu0."""

    device: str | None = None
    model: str | None = None
    bus_id: int | None = None
    temperature: float | None = None
    fan: float | None = field(name="fan_speed_percent", default=None)
    power: float | None = field(name="asic_power", default=None)


class Pool(Struct):
    pool: str | None = None


class Shares(Struct):
    accepted: int | None = None
    rejected: int | None = None


class Hashrate(Struct):
    """H/s by device, with a `total` in each; `now` is what a version before 0.5 had instead of the two."""

    cpu: dict[str, float | None] | None = None
    gpu: dict[str, float | None] | None = None
    now: float | None = None


class Algorithm(Struct):
    hashrate: Hashrate
    name: str | None = None
    pool: Pool | None = None
    shares: Shares | None = None


class Status(Struct):
    algorithms: list[Algorithm]
    gpu_devices: list[Device] | None = None
    miner_version: str | None = None
    mining_time: float | None = None


class SrbminerSource(MinerSource):
    """The newer path is asked first; older versions answer at the root."""

    title = _TITLE
    switch = "--api-enable --api-port 21550"

    def read(self) -> Reading:
        by = self.deadline()
        try:
            raw = self.ask("/api/v2/status", by=by)
        except StatusError as exc:
            if exc.status != HTTPStatus.NOT_FOUND:
                raise
            raw = self.ask("/", by=by)
        return parse(raw, self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/api/v2/status`, or of `/`, which has the same fields."""
    answer = decode(raw, Status, _TITLE)
    if not answer.algorithms:
        raise SourceError(f"{_TITLE} says of no algorithm that it mines it")
    this = answer.algorithms[chosen([each.name for each in answer.algorithms], algorithm)]
    shares = this.shares or Shares()
    reading = Reading(
        hashrate=hashrate(this.hashrate),
        accepted=shares.accepted,
        rejected=shares.rejected,
        miner=miner_named(_TITLE, answer.miner_version),
        pool=pool_of(this.pool.pool if this.pool else None),
        uptime=answer.mining_time,
    )
    return with_cards(reading, cards(answer.gpu_devices or [], this.hashrate.gpu or {}))


def hashrate(of: Hashrate) -> float | None:
    """What processors and cards make together for one algorithm, if both are known."""
    parts = [part["total"] for part in (of.cpu, of.gpu) if part and "total" in part]
    return total(parts) if parts else of.now


def cards(devices: Sequence[Device], rates: dict[str, float | None]) -> list[Card]:
    return [
        Card(
            id=None if device.bus_id is None else pci.of_bus(device.bus_id),
            name=device.model,
            hashrate=rates.get(device.device or ""),
            temperature=device.temperature,
            power=device.power,
            fan=device.fan,
        )
        for device in devices
    ]
