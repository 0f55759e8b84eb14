"""XMRig, on processors and cards: its HTTP API gives hashrate, shares, pool, and each card's own figures."""

from collections.abc import Callable, Sequence
from functools import partial

from msgspec import Struct, field, structs

from publisher.sources import pci
from publisher.sources.answers import Answers, algorithm_of, miner_named, pool_of
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.cards import Card, highest, total, with_cards
from publisher.sources.proxied import Workers, silence
from publisher.sources.reading import Reading
from publisher.sources.source import Context
from rigwatch.figures import Celsius, Count, Milliseconds, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE = "XMRig"
_PROXY_TITLE = "xmrig-proxy"
_PROXY = "proxy"


class XmrigSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`token` is what --http-access-token says."""

    url: Secret = Secret("http://127.0.0.1:44444")
    token: Secret = Secret("")

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.token.isascii() and self.token.isprintable()):
            raise ValueError("token should be of ASCII characters that can be seen")


class ProxySettings(XmrigSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    url: Secret = Secret("http://127.0.0.1:44445")


class XmrigHashrate(Struct):
    """H/s over 10 s, 60 s and 15 min; null until a window is full."""

    total: list[Rate | None] = field(default_factory=list)


class XmrigResults(Struct):
    shares_good: Count | None = None
    shares_total: Count | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    invalid: Count | None = None
    expired: Count | None = None
    latency: Milliseconds | None = None


class XmrigConnection(Struct):
    pool: str | None = None
    ping: Milliseconds | None = None
    accepted: Count | None = None
    rejected: Count | None = None


class Miners(Struct):
    """Of a proxy: how many are connected to it."""

    now: Count | None = None


class XmrigSummary(Struct):
    hashrate: XmrigHashrate
    results: XmrigResults
    connection: XmrigConnection | None = None
    version: str | None = None
    kind: str | None = None
    algo: str | None = None
    miners: Miners | None = None
    uptime: Seconds | None = None
    paused: bool | None = None


class XmrigHealth(Struct):
    temperature: Celsius | None = None
    power: Watts | None = None
    fan_speed: list[Percent | None] | None = None


class Thread(Struct):
    """Several may share one card."""

    hashrate: list[Rate | None] | None = None
    bus_id: str | None = None
    name: str | None = None
    health: XmrigHealth | None = None


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
        if settings.token:
            self.headers["Authorization"] = f"Bearer {settings.token}"

    def read(self) -> Reading:
        by = self.deadline()
        ask = partial(self.ask_or, by=by)
        # Versions of years ago do not have the newer ones.
        summary = ask("/2/summary", lambda: self.ask("/1/summary", by=by))
        return parse(summary, partial(ask, "/2/backends", lambda: b"[]"), partial(ask, "/1/workers", lambda: b"{}"))


class ProxySource(XmrigSource):
    """What all miners behind an xmrig-proxy do together, how many they are, and which have fallen silent."""

    title = _PROXY_TITLE
    switch = "--http-port=44445"
    login = "`token` should be what xmrig-proxy's --http-access-token says"


def parse(
    summary: bytes, backends: Callable[[], bytes] = lambda: b"[]", workers: Callable[[], bytes] = lambda: b"{}"
) -> Reading:
    """The figures of `/2/summary` and `/2/backends`; of a proxy those of all miners behind it, and of `/1/workers`."""
    told = Answers(_TITLE)
    answer = told.decode(summary, XmrigSummary)
    if answer.kind == _PROXY:
        silent = silence(told.section("workers", workers, Workers) or Workers())
        return told.complete(structs.replace(_of_proxy(answer), lacks=silent))
    connection = answer.connection or XmrigConnection()
    accepted, rejected = _shares(answer.results, connection)
    reading = Reading(
        hashrate=0.0 if answer.paused else _first(answer.hashrate.total),
        accepted=accepted,
        rejected=rejected,
        algorithm=algorithm_of(answer.algo),
        miner=miner_named(_TITLE, answer.version),
        pool=pool_of(connection.pool),
        uptime=answer.uptime,
        pool_latency=connection.ping or None,  # 0 until a share was answered
    )
    found = told.section("backends", backends, list[Backend])
    return told.complete(with_cards(reading, cards(found or [])))


def _shares(results: XmrigResults, connection: XmrigConnection) -> tuple[int | None, int | None]:
    """Accepted and rejected since the start, or else since this connection began."""
    good, count = results.shares_good, results.shares_total
    if good is None or count is None:
        return connection.accepted if good is None else good, connection.rejected
    # Counted one after the other, so that the sum may lag behind.
    return good, max(0, count - good)


def _of_proxy(answer: XmrigSummary) -> Reading:
    """It counts in kH/s, the last minute first; the miners that are connected to it are its peers."""
    rate, results = _first(answer.hashrate.total), answer.results
    return Reading(
        hashrate=None if rate is None else 1000 * rate,
        accepted=results.accepted,
        rejected=results.rejected,
        stale=results.expired,
        invalid=results.invalid,
        algorithm=algorithm_of(answer.algo),
        peers=answer.miners.now if answer.miners else None,
        miner=miner_named(_PROXY_TITLE, answer.version),
        uptime=answer.uptime,
        pool_latency=results.latency or None,
    )


def cards(backends: Sequence[Backend]) -> list[Card]:
    """One for each PCI address: a card's threads share what it measures, and each has its part of the hashrate."""
    by_bus: dict[str, list[Thread]] = {}
    for backend in backends:
        for thread in backend.threads or ():
            if thread.bus_id is not None:
                by_bus.setdefault(thread.bus_id, []).append(thread)
    return [_card(bus, threads) for bus, threads in by_bus.items()]


def _card(bus: str, threads: Sequence[Thread]) -> Card:
    health = next((thread.health for thread in threads if thread.health), XmrigHealth())
    return Card(
        id=pci.address(bus),
        name=threads[0].name,
        hashrate=total([_first(thread.hashrate or ()) for thread in threads]),
        temperature=health.temperature,
        power=health.power,
        fan=highest(health.fan_speed or ()),
    )


def _first(windows: Sequence[float | None]) -> float | None:
    """The shortest window that is known: where hashes are slow, the first ones are never full."""
    return next((window for window in windows if window is not None), None)
