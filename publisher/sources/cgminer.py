"""cgminer and all that kept its API: sgminer, bfgminer, TeamRedMiner, and the firmware of most ASICs."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field

from publisher.sources.answers import convert, decode, miner_of, pool_of
from publisher.sources.cards import Card, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.tcp import TcpSettings, TcpSource
from rigwatch.clock import Millis

_TITLE: Final = "cgminer"
_END: Final = b"\0"
_RATE: Final = re.compile(r"([KMGTP]?)HS ([0-9]{1,5})([sm])", re.ASCII)
_FACTORS: Final = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_CLOCKS_AGREE_MS: Final = 60_000


class CgminerSettings(TcpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` is where the API listens; an ASIC's is its own in the network."""

    address: str = "127.0.0.1:4028"


class Status(Struct, rename="pascal"):
    status: str | None = field(name="STATUS", default=None)
    when: float | None = None
    msg: str | None = None
    description: str | None = None


class Answer(Struct):
    """Of any command: a status, and a section that is named for the command. Whatsminers refuse with a status that is
    no list, and the message beside it.
    """

    status: list[Status] | str = field(name="STATUS")
    msg: str | None = field(name="Msg", default=None)
    summary: list[dict[str, Any]] = field(name="SUMMARY", default_factory=list)
    devs: list[dict[str, Any]] = field(name="DEVS", default_factory=list)
    pools: list[dict[str, Any]] = field(name="POOLS", default_factory=list)


class Summary(Struct, rename="pascal"):
    elapsed: float | None = None
    accepted: int | None = None
    rejected: int | None = None
    stale: int | None = None


class Device(Struct, rename="pascal"):
    """A card, or a board of an ASIC."""

    temperature: float | None = None
    memory_temperature: float | None = field(name="TemperatureMem", default=None)
    fan: float | None = field(name="Fan Percent", default=None)
    power: float | None = field(name="GPU Power", default=None)
    last_share: float | str | None = field(name="Last Share Time", default=None)


class Pool(Struct, rename="pascal"):
    url: str | None = field(name="URL", default=None)
    active: bool | None = field(name="Stratum Active", default=None)
    status: str | None = None


class CgminerSource(TcpSource):
    """One command a connection: not every firmware takes several at once."""

    title = "the miner"
    switch = "--api-listen (TeamRedMiner: --api_listen=4028)"

    def read(self) -> Reading:
        by = self.deadline()
        summary, devs, pools = (self._command(name, by) for name in ("summary", "devs", "pools"))
        return parse(summary, devs, pools, now=self.clock.now())

    def _command(self, name: str, by: float) -> bytes:
        answer = self.ask(b'{"command":"%s"}' % name.encode(), end=_END, by=by)
        if not answer.strip():
            raise SourceError(f"{self.endpoint}: hangs up without an answer; --api-allow says who may ask")
        return answer


def parse(summary: bytes, devs: bytes | None = None, pools: bytes | None = None, *, now: Millis) -> Reading:
    """The figures of the commands `summary`, `devs` and `pools`; a miner may refuse the last two."""
    answer = decode(summary, Answer, _TITLE)
    status = answer.status[0] if answer.status and isinstance(answer.status, list) else Status(msg=answer.msg)
    if not answer.summary:
        raise SourceError(f"summary: {(status.msg or 'no such section in the answer')[:100]}")
    section = answer.summary[0]
    figures = convert(section, Summary, _TITLE)
    devices = decode(devs, Answer, _TITLE).devs if devs is not None else []
    reading = Reading(
        hashrate=rate(section),
        accepted=figures.accepted,
        rejected=figures.rejected,
        stale=figures.stale,
        last_share_at=last_share_at(devices, status, now),
        miner=miner_of(status.description, _TITLE),
        pool=_pool(decode(pools, Answer, _TITLE).pools) if pools is not None else None,
        uptime=figures.elapsed,
    )
    return with_cards(reading, [_card(device) for device in devices])


def rate(section: Mapping[str, Any]) -> float | None:
    """H/s over the shortest window there is, as in `MHS 5s`, `KHS 30s` or `GHS 1m`.

    Not that of `MHS av`: the mean since the miner was started stays high for hours after its last hash.
    """
    found: list[tuple[int, float, str]] = []
    for key in section:
        if window := _RATE.fullmatch(key):
            seconds = int(window[2]) * (60 if window[3] == "m" else 1)
            found.append((seconds, _FACTORS[window[1]], key))
    # The smallest unit of a window is written with the most digits.
    for _, factor, key in sorted(found):
        value = convert({key: section[key]}, dict[str, float | None], _TITLE)[key]
        if value is not None:
            return value * factor
    return None


def last_share_at(devices: Sequence[Mapping[str, Any]], status: Status, now: Millis) -> Millis | None:
    """By the miner's clock, so only where that agrees with ours: an ASIC's may stand at 1970."""
    if status.when is None or abs(1000 * status.when - now) > _CLOCKS_AGREE_MS:
        return None
    times = [convert(device, Device, _TITLE).last_share for device in devices]
    latest = max((time for time in times if isinstance(time, float)), default=0.0)
    return int(1000 * latest) if 0 < latest < 1e12 else None


def _card(section: Mapping[str, Any]) -> Card:
    device = convert(section, Device, _TITLE)
    return Card(
        id=None,
        hashrate=rate(section),
        temperature=device.temperature,
        memory_temperature=device.memory_temperature,
        power=device.power,
        fan=device.fan,
    )


def _pool(sections: Sequence[Mapping[str, Any]]) -> str | None:
    pools = [convert(section, Pool, _TITLE) for section in sections]
    for pool in (*(each for each in pools if each.active), *(each for each in pools if each.status == "Alive")):
        return pool_of(pool.url)
    return None
