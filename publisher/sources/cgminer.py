"""cgminer and all that kept its API: sgminer, bfgminer, TeamRedMiner, and the firmware of most ASICs."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from publisher.sources import firmware
from publisher.sources.answers import Answers, algorithm_of, miner_of, pool_of, scaled
from publisher.sources.cards import Card, draw, speed, warmth, with_cards
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from publisher.sources.tcp import TcpSettings, TcpSource
from rigwatch.clock import Millis
from rigwatch.figures import Celsius, Count, Percent, Rate, Seconds, Watts

_TITLE: Final = "cgminer"
_RATE: Final = re.compile(r"([KMGTP]?)HS ?([0-9]{1,5})([smh])", re.ASCII)
_FACTORS: Final = {"": 1.0, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15}
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}
_CLOCKS_AGREE_MS: Final = 60_000
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
ASK_AGAIN: Final = 3600.0
"""Seconds until a command that was refused is tried again, and until the model is asked for anew."""

Ask = Callable[[str], bytes]


class CgminerSettings(TcpSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` is where the API listens; an ASIC's is its own in the network. `factor` is for a firmware that counts
    its rates in another unit than it says, and that is not known here: 0.001 where it says GHS and means MH/s.
    """

    address: str = "127.0.0.1:4028"
    factor: Annotated[float, Meta(gt=0, le=1e12)] = 1.0


class CgminerStatus(Struct, rename="pascal"):
    status: str | None = field(name="STATUS", default=None)
    when: float | None = None
    msg: str | None = None
    description: str | None = None


class CgminerAnswer(Struct):
    """Of any command: a status, and a section that is named for the command. Whatsminers refuse with a status that is
    no list, and the message beside it.
    """

    status: list[CgminerStatus] | str | None = field(name="STATUS")
    msg: str | None = field(name="Msg", default=None)
    summary: list[dict[str, Any]] | None = field(name="SUMMARY", default=None)
    devs: list[dict[str, Any]] | None = field(name="DEVS", default=None)
    pools: list[dict[str, Any]] | None = field(name="POOLS", default=None)

    @property
    def first(self) -> CgminerStatus:
        return self.status[0] if self.status and isinstance(self.status, list) else CgminerStatus(msg=self.msg)


class CgminerSummary(Struct, rename="pascal"):
    elapsed: Seconds | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None
    hardware_errors: Count | None = field(name="Hardware Errors", default=None)
    temperature: Celsius | None = None
    power: Watts | None = None
    algorithm: str | None = None


class CgminerDevice(Struct, rename="pascal"):
    """A card, or a board of an ASIC."""

    name: str | None = None
    temperature: Celsius | None = None
    memory_temperature: Celsius | None = field(name="TemperatureMem", default=None)
    fan: Percent | None = field(name="Fan Percent", default=None)
    power: Watts | None = field(name="GPU Power", default=None)
    accepted: Count | None = None
    rejected: Count | None = None
    hardware_errors: Count | None = field(name="Hardware Errors", default=None)
    hashes: Rate | None = field(name="Hash Rate H", default=None)
    last_share: float | str | None = field(name="Last Share Time", default=None)


class CgminerPool(Struct, rename="pascal"):
    url: str | None = field(name="URL", default=None)
    active: bool | None = field(name="Stratum Active", default=None)
    status: str | None = None
    accepted: Count | None = None
    rejected: Count | None = None
    stale: Count | None = None


class CgminerSource(TcpSource):
    """One command a connection: not every firmware takes several at once. What the usual commands do not tell is looked
    for in those of the known firmwares, and a command that is refused is left alone for an hour.
    """

    title = "the miner"
    switch = "--api-listen (TeamRedMiner: --api_listen=4028)"

    def __init__(self, settings: CgminerSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._factor = settings.factor
        self._refused: dict[str, float] = {}
        self._version: tuple[float, bytes] | None = None

    def read(self) -> Reading:
        by, now = self.deadline(), self.clock.monotonic()

        def ask(name: str) -> bytes:
            if now < self._refused.get(name, now):
                raise RefusedCommandError(name)
            if name == "version" and self._version and now < self._version[0]:
                return self._version[1]
            answer = self._command(name, by)
            if name == "version":
                self._version = (now + ASK_AGAIN, answer)
            if name != "summary" and refuses(answer):
                self._refused[name] = now + ASK_AGAIN
                raise RefusedCommandError(name)
            return answer

        return parse(ask, now=self.clock.now(), factor=self._factor)

    def _command(self, name: str, by: float) -> bytes:
        answer = self.ask(b'{"command":"%s"}' % name.encode(), by=by)
        if not answer.strip(b"\0 \r\n"):
            how = "its own pages say" if self._is_elsewhere() else "--api-allow says"
            raise SourceError(f"{self.endpoint}: hangs up without an answer; {how} who may ask")
        return answer

    def how_to_switch_on(self) -> str:
        if self._is_elsewhere():
            return "is the ASIC on, is this its address, and is the API switched on in its own pages?"
        return super().how_to_switch_on()

    def _is_elsewhere(self) -> bool:
        """An ASIC is; its owner starts no program with options."""
        return self.endpoint.host not in _LOOPBACK


class RefusedCommandError(SourceError):
    """The firmware does not know the command, or does not let us ask it."""


def refuses(answer: bytes) -> bool:
    """Whether it says that it cannot answer the command."""
    try:
        told = Answers(_TITLE).decode(answer, CgminerAnswer)
    except SourceError:
        return False
    return (told.status == "E") or (told.first.status or "").upper() in ("E", "F")


def parse(ask: Ask, *, now: Millis, factor: float = 1.0) -> Reading:
    """The figures of the commands that `ask` answers; only `summary` has to be answered."""
    told = Answers(_TITLE)
    answer = told.decode(ask("summary"), CgminerAnswer)
    if not answer.summary:
        raise SourceError(f"summary: {(answer.first.msg or 'no such section in the answer')[:100]}")
    section = answer.summary[0]
    figures = told.convert(section, CgminerSummary)
    sections = _optional(told, ask, "devs", firmware.DEVS) or _optional(told, ask, "edevs", firmware.DEVS)
    devices = [(each, told.convert(each, CgminerDevice)) for each in sections]
    pools = [told.convert(each, CgminerPool) for each in _optional(told, ask, "pools", firmware.POOLS)]
    counts = _shares(figures, pools, told)
    ask_stats = _Once(lambda name: _optional(told, ask, name, firmware.SECTIONS[name]))
    scale = factor * firmware.scale(section, sections, ask_stats)
    reading = Reading(
        hashrate=_hashrate(section, devices, scale),
        accepted=counts.accepted,
        rejected=counts.rejected,
        stale=counts.stale,
        hardware_errors=figures.hardware_errors,
        algorithm=algorithm_of(figures.algorithm),
        last_share_at=last_share_at([device for _, device in devices], answer.first, now),
        miner=miner_of(answer.first.description, _TITLE),
        pool=_pool(pools),
        uptime=figures.elapsed,
        temperature=warmth(figures.temperature),
        power=figures.power or None,
    )
    cards = [_card(each, device, scale) for each, device in devices]
    return told.complete(_with_firmware(with_cards(reading, cards), cards, ask_stats))


class _Once:
    """Asks each further command once, and only when somebody wants it."""

    def __init__(self, ask: Callable[[str], list[dict[str, Any]]]) -> None:
        self._ask = ask
        self._answers: dict[str, list[dict[str, Any]]] = {}

    def __call__(self, name: str) -> list[dict[str, Any]]:
        if name not in self._answers:
            self._answers[name] = self._ask(name)
        return self._answers[name]


def _with_firmware(reading: Reading, cards: Sequence[Card], ask: firmware.Sections) -> Reading:
    """What the usual commands did not tell of an ASIC. Cards have identities or sensors of their own."""
    if any(speed(card.fan) is not None for card in cards) and reading.temperature is not None:
        return reading
    return firmware.completed(reading, ask)


def _optional(told: Answers, ask: Ask, name: str, pattern: re.Pattern[str]) -> list[dict[str, Any]]:
    """The sections of a command that may be refused. Innosilicon writes `STATS0`, `STATS1` … instead of one list."""
    try:
        raw = ask(name)
    except RefusedCommandError:
        return []
    except SourceError as exc:
        told.note(f"{name}: {exc}")
        return []
    answer = told.section(name, lambda: raw, dict[str, Any]) or {}
    found: list[dict[str, Any]] = []
    for key, value in answer.items():
        if pattern.fullmatch(key):
            found += [each for each in (value if isinstance(value, list) else [value]) if isinstance(each, dict)]
    return found


def _shares(figures: CgminerSummary, pools: Sequence[CgminerPool], told: Answers) -> CgminerSummary:
    """As the summary counts them. Some firmwares (ccminer 2.3.3 on BlackMiner, Hammer, VolcMiner) write the rejected
    ones in place of the accepted ones; then, and where the summary says nothing, the pools' counts together are right.
    """
    repeated = bool(figures.accepted) and figures.accepted == figures.rejected
    if figures.accepted is not None and not repeated:
        return figures
    known = [pool for pool in pools if pool.accepted is not None]
    if not known:
        if repeated:
            told.note("accepted: repeats the rejected shares")
        return CgminerSummary(rejected=figures.rejected, stale=figures.stale)
    return CgminerSummary(
        accepted=sum(pool.accepted or 0 for pool in known),
        rejected=sum(pool.rejected or 0 for pool in known)
        if repeated or figures.rejected is None
        else figures.rejected,
        stale=sum(pool.stale or 0 for pool in known) if figures.stale is None else figures.stale,
    )


def _hashrate(section: Mapping[str, Any], devices: Sequence[tuple[Any, CgminerDevice]], scale: float) -> float | None:
    """Of the summary; an Innosilicon that tells each board's plain hashes has them right."""
    plain = [device.hashes for _, device in devices if device.hashes is not None]
    if plain and len(plain) == len(devices):
        return sum(plain)
    return scaled(rate(section), scale)


def rate(section: Mapping[str, Any]) -> float | None:
    """H/s over the shortest window there is, as in `MHS 5s`, `KHS 30s` or `GHS 1m`.

    Not that of `MHS av`: the mean since the miner was started stays high for hours after its last hash.
    """
    windows = [(window, key) for key in section if (window := _RATE.fullmatch(key))]
    found = [(int(window[2]) * _SECONDS[window[3]], _FACTORS[window[1]], key) for window, key in windows]
    # The smallest unit of a window is written with the most digits.
    for _, factor, key in sorted(found):
        value = firmware.number(section[key])
        if value is not None and value >= 0:
            return value * factor
    return None


def last_share_at(devices: Sequence[CgminerDevice], status: CgminerStatus, now: Millis) -> Millis | None:
    """By the miner's clock, so only where that agrees with ours: an ASIC's may stand at 1970."""
    if status.when is None or abs(1000 * status.when - now) > _CLOCKS_AGREE_MS:
        return None
    times = [device.last_share for device in devices if isinstance(device.last_share, float)]
    latest = max(times, default=0.0)
    return int(1000 * latest) if 0 < latest < 1e12 else None


def _card(section: Mapping[str, Any], device: CgminerDevice, scale: float) -> Card:
    return Card(
        id=None,
        hashrate=scaled(rate(section), scale),
        temperature=device.temperature,
        memory_temperature=device.memory_temperature,
        power=draw(device.power),
        fan=device.fan,
        accepted=device.accepted,
        rejected=device.rejected,
        hardware_errors=device.hardware_errors,
    )


def _pool(pools: Sequence[CgminerPool]) -> str | None:
    alive = [pool for pool in pools if (pool.status or "").lower() == "alive"]
    for pool in (*(each for each in pools if each.active), *alive):
        return pool_of(pool.url)
    return None
