"""T-Rex: its HTTP API answers in H/s, with the place of each card on the bus."""

from collections.abc import Sequence

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import Answers, chosen, miner_named, pool_of
from publisher.sources.api import MinerSettings, MinerSource
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading
from publisher.sources.work import with_work
from rigwatch.figures import AlgorithmFigures, Celsius, Count, Milliseconds, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "T-Rex"


class TrexSettings(MinerSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:4067")


class TrexPool(Struct):
    url: str | None = None
    last_submit_ts: Seconds | None = None
    ping: Milliseconds | None = None


class CardShares(Struct):
    accepted_count: Count | None = None
    rejected_count: Count | None = None
    invalid_count: Count | None = None


class TrexCard(Struct):
    gpu_id: int | None = None
    name: str | None = None
    pci_domain: Count | None = None
    pci_bus: Count | None = None
    pci_id: Count | None = None
    hashrate: Rate | None = None
    temperature: Celsius | None = None
    memory_temperature: Celsius | None = None
    fan_speed: Percent | None = None
    power: Watts | None = None
    shares: CardShares | None = None


class TrexAlgorithm(Struct):
    """What is there once for each algorithm: in the answer itself, and in its `dual_stat` for the second."""

    gpus: list[TrexCard]
    hashrate: Rate | None = None
    accepted_count: Count | None = None
    rejected_count: Count | None = None
    invalid_count: Count | None = None
    algorithm: str | None = None
    active_pool: TrexPool | None = None


class TrexSummary(TrexAlgorithm):
    version: str | None = None
    uptime: Seconds | None = None
    paused: bool | None = None
    dual_stat: TrexAlgorithm | None = None


class TrexSource(MinerSource):
    title = _TITLE
    switch = "--api-bind-http 127.0.0.1:4067"

    def read(self) -> Reading:
        return parse(self.ask("/summary"), self.algorithm)


def parse(raw: bytes, algorithm: str = "") -> Reading:
    """The figures of `/summary`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, TrexSummary)
    of = [answer, answer.dual_stat] if answer.dual_stat else [answer]
    at = chosen([each.algorithm for each in of], algorithm)
    pool = of[at].active_pool or TrexPool()
    reading = Reading(
        last_share_at=int(1000 * pool.last_submit_ts) if pool.last_submit_ts else None,
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(pool.url),
        uptime=answer.uptime,
        pool_latency=pool.ping or None,
    )
    works = [(each.algorithm, _work(each, paused=bool(answer.paused))) for each in of]
    return told.complete(with_cards(with_work(reading, works, at), cards(answer.gpus, of[at].gpus)))


def _work(of: TrexAlgorithm, *, paused: bool) -> AlgorithmFigures:
    return AlgorithmFigures(
        hashrate=0.0 if paused else of.hashrate,
        accepted=of.accepted_count,
        rejected=of.rejected_count,
        invalid=of.invalid_count,
    )


def cards(measured: Sequence[TrexCard], mining: Sequence[TrexCard]) -> list[Card]:
    """`measured` has the sensors, which a second algorithm's list may lack; `mining` has the hashrates."""
    by_number = {card.gpu_id: card for card in mining}
    return [_card(card, by_number.get(card.gpu_id, TrexCard())) for card in measured]


def _card(measured: TrexCard, mining: TrexCard) -> Card:
    shares = mining.shares or CardShares()
    return Card(
        id=_place(measured),
        name=measured.name,
        hashrate=mining.hashrate,
        temperature=measured.temperature,
        memory_temperature=measured.memory_temperature,
        power=measured.power,
        fan=measured.fan_speed,
        accepted=shares.accepted_count,
        rejected=shares.rejected_count,
        invalid=shares.invalid_count,
    )


def _place(card: TrexCard) -> str | None:
    """`pci_id` is the device on the bus."""
    return pci.of_bus(card.pci_bus, device=card.pci_id or 0, domain=card.pci_domain or 0)
