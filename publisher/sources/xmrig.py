"""XMRig, on processors and cards: its HTTP API gives hashrate, shares, pool, and each card's own figures."""

from collections.abc import Sequence
from http import HTTPStatus

from msgspec import Struct

from publisher.sources import pci
from publisher.sources.answers import decode, miner_named, pool_of
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.cards import Card, highest, total, with_cards
from publisher.sources.http import StatusError
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.settings.loader import Secret

_TITLE = "XMRig"


class XmrigSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`token` is what --http-access-token says."""

    url: Secret = Secret("http://127.0.0.1:44444")
    token: Secret = Secret("")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.token.isascii() and self.token.isprintable()):
            raise ValueError("token should be of ASCII characters that can be seen")


class Hashrate(Struct):
    """H/s over 10 s, 60 s and 15 min; null until a window is full."""

    total: list[float | None]


class Results(Struct):
    shares_good: int | None = None
    shares_total: int | None = None


class Connection(Struct):
    pool: str | None = None


class Summary(Struct):
    hashrate: Hashrate
    results: Results
    connection: Connection | None = None
    version: str | None = None
    kind: str | None = None
    uptime: float | None = None
    paused: bool | None = None


class Health(Struct):
    temperature: float | None = None
    power: float | None = None
    fan_speed: list[float | None] | None = None


class Thread(Struct):
    """Several may share one card."""

    hashrate: list[float | None] | None = None
    bus_id: str | None = None
    name: str | None = None
    health: Health | None = None


class Backend(Struct):
    type: str | None = None
    threads: list[Thread] | None = None


class XmrigSource(ApiSource):
    """Asks for the summary and for the backends, which a version without cards may not have."""

    title = _TITLE
    switch = "--http-port=44444"
    login = "`token` should be what XMRig's --http-access-token says"

    def __init__(self, settings: XmrigSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}

    def read(self) -> Reading:
        by = self.deadline()
        summary = self.ask("/2/summary", headers=self._headers, by=by)
        try:
            backends = self.ask("/2/backends", headers=self._headers, by=by)
        except StatusError as exc:
            if exc.status != HTTPStatus.NOT_FOUND:
                raise
            backends = b"[]"
        return parse(summary, backends)


def parse(summary: bytes, backends: bytes = b"[]") -> Reading:
    """The figures of `/2/summary` and `/2/backends`."""
    answer = decode(summary, Summary, _TITLE)
    if answer.kind == "proxy":
        # It counts in kH/s what others mine.
        raise SourceError("this is an xmrig-proxy; name the miners behind it")
    results, windows = answer.results, answer.hashrate.total
    rejected = None
    if results.shares_total is not None and results.shares_good is not None:
        rejected = results.shares_total - results.shares_good
    reading = Reading(
        hashrate=0.0 if answer.paused else _first(windows),
        accepted=results.shares_good,
        rejected=rejected,
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(answer.connection.pool if answer.connection else None),
        uptime=answer.uptime,
    )
    return with_cards(reading, cards(decode(backends, list[Backend], _TITLE)))


def cards(backends: Sequence[Backend]) -> list[Card]:
    """One for each PCI address: a card's threads share what it measures, and each has its part of the hashrate."""
    by_bus: dict[str, list[Thread]] = {}
    for backend in backends:
        for thread in backend.threads or ():
            if thread.bus_id is not None:
                by_bus.setdefault(thread.bus_id, []).append(thread)
    return [_card(bus, threads) for bus, threads in by_bus.items()]


def _card(bus: str, threads: Sequence[Thread]) -> Card:
    health = next((thread.health for thread in threads if thread.health), Health())
    return Card(
        id=pci.address(bus),
        name=threads[0].name,
        hashrate=total([_first(thread.hashrate or ()) for thread in threads]),
        temperature=health.temperature,
        power=health.power,
        fan=highest(health.fan_speed or ()),
    )


def _first(windows: Sequence[float | None]) -> float | None:
    return windows[0] if windows else None
