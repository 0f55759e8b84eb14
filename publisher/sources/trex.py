"""T-Rex: its HTTP API answers in H/s, with the place of each card on the bus."""

from collections.abc import Sequence

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import chosen, decode, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from rigwatch.settings.loader import Secret

_TITLE = "T-Rex"


class TrexSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:4067")


class Pool(Struct):
    url: str | None = None
    last_submit_ts: int | None = None


class TrexCard(Struct):
    gpu_id: int | None = None
    name: str | None = None
    pci_domain: int | None = None
    pci_bus: int | None = None
    pci_id: int | None = None
    hashrate: float | None = None
    temperature: float | None = None
    memory_temperature: float | None = None
    fan_speed: float | None = None
    power: float | None = None


class Algorithm(Struct):
    """What is there once for each algorithm: in the answer itself, and in its `dual_stat` for the second."""

    gpus: list[TrexCard]
    hashrate: float | None = None
    accepted_count: int | None = None
    rejected_count: int | None = None
    algorithm: str | None = None
    active_pool: Pool | None = None


class Summary(Algorithm):
    version: str | None = None
    uptime: float | None = None
    paused: bool | None = None
    dual_stat: Algorithm | None = None


class TrexSource(MinerSource):
    title = _TITLE
    switch = "--api-bind-http 127.0.0.1:4067"

    def read(self) -> Reading:
        return parse(self.ask("/summary"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/summary`."""
    answer = decode(raw, Summary, _TITLE)
    of = [answer, answer.dual_stat] if answer.dual_stat else [answer]
    this = of[chosen([each.algorithm for each in of], algorithm)]
    pool = this.active_pool or Pool()
    reading = Reading(
        hashrate=0.0 if answer.paused else this.hashrate,
        accepted=this.accepted_count,
        rejected=this.rejected_count,
        last_share_at=1000 * pool.last_submit_ts if pool.last_submit_ts else None,
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(pool.url),
        uptime=answer.uptime,
    )
    return with_cards(reading, cards(answer.gpus, this.gpus))


def cards(measured: Sequence[TrexCard], mining: Sequence[TrexCard]) -> list[Card]:
    """`measured` has the sensors, which a second algorithm's list may lack; `mining` has the hashrates."""
    hashrates = {card.gpu_id: card.hashrate for card in mining}
    return [
        Card(
            id=_place(card),
            name=card.name,
            hashrate=hashrates.get(card.gpu_id),
            temperature=card.temperature,
            memory_temperature=card.memory_temperature,
            power=card.power,
            fan=card.fan_speed,
        )
        for card in measured
    ]


def _place(card: TrexCard) -> str | None:
    """`pci_id` is the device on the bus."""
    if card.pci_bus is None:
        return None
    return pci.of_bus(card.pci_bus, device=card.pci_id or 0, domain=card.pci_domain or 0)
