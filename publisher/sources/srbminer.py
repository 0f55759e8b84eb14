"""SRBMiner-MULTI, on processors and cards: each algorithm has what both do for it."""

from collections.abc import Sequence

from msgspec import Struct, field

from publisher.sources import pci
from publisher.sources.answers import Answers, chosen, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, total, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Milliseconds, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "SRBMiner-MULTI"


class SrbminerSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:21550")


class SrbminerDevice(Struct):
    """`device` is the name that its hashrate goes by: gpu0."""

    device: str | None = None
    model: str | None = None
    bus_id: Count | None = None
    temperature: Celsius | None = None
    compute_errors: Count | None = None
    fan: Percent | None = field(name="fan_speed_percent", default=None)
    power: Watts | None = field(name="asic_power", default=None)


class SrbminerPool(Struct):
    pool: str | None = None
    latency: Milliseconds | None = None


class SrbminerShares(Struct):
    accepted: Count | None = None
    rejected: Count | None = None
    invalid: Count | None = None


class SrbminerHashrate(Struct):
    """H/s by device, with a `total` in each; `now` is what a version before 0.5 had instead of the two."""

    cpu: dict[str, Rate | None] | None = None
    gpu: dict[str, Rate | None] | None = None
    now: Rate | None = None


class SrbminerAlgorithm(Struct):
    hashrate: SrbminerHashrate | None = None
    name: str | None = None
    pool: SrbminerPool | None = None
    shares: SrbminerShares | None = None
    accepted_by: dict[str, Count | None] | None = field(name="gpu_accepted_shares", default=None)
    rejected_by: dict[str, Count | None] | None = field(name="gpu_rejected_shares", default=None)


class SrbminerStatus(Struct):
    algorithms: list[SrbminerAlgorithm]
    gpu_devices: list[SrbminerDevice] | None = None
    miner_version: str | None = None
    mining_time: Seconds | None = None


class SrbminerSource(MinerSource):
    """The newer path is asked first; older versions answer at the root."""

    title = _TITLE
    switch = "--api-enable --api-port 21550"

    def read(self) -> Reading:
        by = self.deadline()
        return parse(self.ask_or("/api/v2/status", lambda: self.ask("/", by=by), by=by), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/api/v2/status`, or of `/`, which has the same fields."""
    told = Answers(_TITLE)
    answer = told.decode(raw, SrbminerStatus)
    of = answer.algorithms or [SrbminerAlgorithm()]
    at = chosen([each.name for each in of], algorithm)
    pool = of[at].pool or SrbminerPool()
    reading = Reading(
        lacks="" if answer.algorithms else f"{_TITLE} says of no algorithm that it mines it",
        miner=miner_named(_TITLE, answer.miner_version),
        pool=pool_of(pool.pool),
        uptime=answer.mining_time,
        pool_latency=pool.latency or None,
    )
    works = [(each.name, _work(each)) for each in of]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.gpu_devices or [], of[at])))


def _work(of: SrbminerAlgorithm) -> AlgorithmFigures:
    shares = of.shares or SrbminerShares()
    return AlgorithmFigures(
        hashrate=hashrate(of.hashrate or SrbminerHashrate()),
        accepted=shares.accepted,
        rejected=shares.rejected,
        invalid=shares.invalid,
    )


def hashrate(of: SrbminerHashrate) -> float | None:
    """What processors and cards make together for one algorithm, if both are known."""
    parts = [part["total"] for part in (of.cpu, of.gpu) if part and "total" in part]
    return total(parts) if parts else of.now


def cards(devices: Sequence[SrbminerDevice], of: SrbminerAlgorithm) -> list[Card]:
    rates = (of.hashrate or SrbminerHashrate()).gpu or {}
    return [
        Card(
            id=pci.of_bus(device.bus_id),
            name=device.model,
            hashrate=rates.get(device.device or ""),
            temperature=device.temperature,
            power=device.power,
            fan=device.fan,
            accepted=(of.accepted_by or {}).get(device.device or ""),
            rejected=(of.rejected_by or {}).get(device.device or ""),
            hardware_errors=device.compute_errors,
        )
        for device in devices
    ]
