"""AxeOS, the firmware of Bitaxe, NerdAxe and NerdQAxe: its HTTP API gives everything in one answer."""

from typing import Annotated, Final

from msgspec import Meta, Struct, field

from publisher.sources.answers import Answers, algorithm_of, miner_named, pool_of
from publisher.sources.api import ApiSettings, ApiSource
from publisher.sources.cards import draw, speed, warmth
from publisher.sources.reading import Reading
from rigwatch.figures import Celsius, Count, Percent, Rate, Seconds, Watts
from rigwatch.settings.loader import Secret

_TITLE: Final = "AxeOS"
_GIGA: Final = 1e9
_ALGORITHM: Final = "sha256d"
Port = Annotated[int, Meta(ge=1, le=65535)]


class AxeosSettings(ApiSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` is the miner's address in the network."""

    url: Secret = Secret("http://bitaxe.local")


class AxeosInfo(Struct, rename="camel"):
    """Of ESP-Miner since 2.0 and of its descendants, each with names of its own for some figures."""

    hash_rate: Rate | None
    shares_accepted: Count | None = None
    shares_rejected: Count | None = None
    temp: Celsius | None = None
    power: Watts | None = None
    fan_speed: Percent | None = field(name="fanspeed", default=None)
    uptime_seconds: Seconds | None = None
    version: str | None = None
    model: str | None = field(name="deviceModel", default=None)
    asic: str | None = field(name="ASICModel", default=None)
    stratum_url: str | None = field(name="stratumURL", default=None)
    stratum_port: Port | None = None
    fallback_url: str | None = field(name="fallbackStratumURL", default=None)
    fallback_port: Port | None = field(name="fallbackStratumPort", default=None)
    on_fallback: bool | None = field(name="isUsingFallbackStratum", default=None)


class AxeosSource(ApiSource):
    title = "AxeOS"
    switch = ""
    refused = "is the miner on, and is this its address? Its web page answers at the same one"

    def read(self) -> Reading:
        return parse(self.ask("/api/system/info"))


def parse(raw: bytes) -> Reading:
    """The figures of `/api/system/info`."""
    told = Answers(_TITLE)
    answer = told.decode(raw, AxeosInfo)
    host, port = (
        (answer.fallback_url, answer.fallback_port) if answer.on_fallback else (answer.stratum_url, answer.stratum_port)
    )
    return told.complete(
        Reading(
            hashrate=None if answer.hash_rate is None else answer.hash_rate * _GIGA,
            accepted=answer.shares_accepted,
            rejected=answer.shares_rejected,
            algorithm=algorithm_of(_ALGORITHM),
            temperature=warmth(answer.temp),
            power=draw(answer.power),
            fan=speed(answer.fan_speed),
            miner=miner_named(answer.model or answer.asic or _TITLE, answer.version),
            pool=pool_of(f"{host}:{port}") if host and port else None,
            uptime=answer.uptime_seconds,
        )
    )
