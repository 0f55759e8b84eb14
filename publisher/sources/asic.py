"""ASICs of every make that pyasic-rs knows, over the network: Antminer, Whatsminer, Avalon, Bitaxe, IceRiver, others.

The library (Rust inside, the extra `asic`) is loaded at the first read, and only its reading half is used: nothing here
changes a miner's settings.
"""

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping, Sequence
from datetime import timedelta
from functools import cache
from typing import Annotated, Any, Final, Protocol, TypeVar

from publisher.sources.answers import algorithm_of, miner_named, pool_of
from publisher.sources.asic_network import Finder, mac_of, resolved
from publisher.sources.cards import draw, highest, warmth
from publisher.sources.firmware import number
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings
from rigwatch.figures import BOARDS_MAX, LINE_MAX, Board, Fan
from rigwatch.settings.loader import Secret, between

T = TypeVar("T")
_UNITS: Final = {"": 1.0, "k": 1e3, "m": 1e6, "g": 1e9, "t": 1e12, "p": 1e15, "e": 1e18, "z": 1e21, "y": 1e24}
_ALGORITHMS: Final = {"sha256": "sha256d"}
_COMPLAINTS_MAX: Final = 3
_COMPLAINT_MAX: Final = 120
STRONGEST: Final = 50_000.0
"""W: no miner in one case draws it."""


class AsicSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` is the miner's name or IP address. With its `mac` it is found again in `network` (the /24 around its
    address unless it is said) when it has got another; `username` and `password` are those of its web page, where they
    are not the maker's.
    """

    address: str
    mac: str = ""
    network: str = ""
    username: str = ""
    password: Secret = Secret("")
    every: Annotated[timedelta, between(timedelta(seconds=5), timedelta(hours=1))] = timedelta(seconds=15)
    timeout: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=2))] = timedelta(seconds=10)

    def __post_init__(self) -> None:
        if not self.address or any(char.isspace() or char in "/@:" for char in self.address):
            raise ValueError("address should be a name or an IP address, such as 192.168.1.50")
        if self.mac and mac_of(self.mac) is None:
            raise ValueError("mac should look like 02:00:00:aa:bb:cc")


class AsicDevice(Protocol):
    """A miner as the library has found it: `pyasic_rs.Miner`."""

    def get_data(self) -> Any: ...  # noqa: ANN401 - the library's awaitable


class AsicSource(BlockingSource):
    """One miner. What it is, is asked once, and again after it has failed: its firmware may be another then."""

    is_device = True

    def __init__(self, settings: AsicSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._finder = Finder(settings.address, settings.mac, settings.network, clock=context.clock)
        self._device: tuple[str, AsicDevice] | None = None
        self._has_failed = False

    def read(self) -> Reading:
        # A look takes its part of the time of this read, so that its error can say what came of it.
        began = time.monotonic()
        elsewhere = self._finder.look_elsewhere() if self._has_failed else ""
        address = resolved(self._finder.address)
        self._has_failed = True
        try:
            data = self._asked(address, max(1.0, 0.9 * self.timeout_s - (time.monotonic() - began)))
        except SourceError as exc:
            self._device = None
            raise SourceError(f"{exc}{elsewhere}") from None
        self._has_failed = False
        return parse(data)

    def _asked(self, address: str, limit: float) -> Mapping[str, Any]:
        try:
            data = on_loop(self._data(address), limit)
        except TimeoutError:
            raise SourceError(f"{address}: no answer within {self.timeout_s:g} s") from None
        told = mac_of(str(data.get("mac") or ""))
        if self._finder.is_another(told):
            raise SourceError(f"{address}: answers with the MAC {told}, which is another miner's")
        return data

    async def _data(self, address: str) -> Mapping[str, Any]:
        if self._device is None or self._device[0] != address:
            self._device = address, await self._identified(address)
        return await told_by(self._device[1])

    async def _identified(self, address: str) -> AsicDevice:
        device = await identified(address, timeout=self.timeout_s)
        if device is None:
            raise SourceError(
                f"{address}: no miner that pyasic-rs knows answers; is it on, and is its API allowed? "
                "(kinds axeos and cgminer read what it does not know)"
            )
        if self._settings.username or self._settings.password:
            device.set_auth(self._settings.username, self._settings.password)
        return device  # type: ignore[no-any-return]  # the library's own class


def library() -> Any:  # noqa: ANN401 - a module that need not be there
    """pyasic_rs; raises SourceError that says how to get it."""
    try:
        import pyasic_rs  # noqa: PLC0415 - 20 MB, for the one machine that reads ASICs
    except ImportError:
        raise SourceError("ASICs are read with pyasic-rs, which is not here: pip install 'rigwatch[asic]'") from None
    return pyasic_rs


async def identified(address: str, *, timeout: float) -> Any:  # noqa: ANN401 - the library's Miner, or None
    """What answers at an IP address; None where it is no miner that the library knows. Raises SourceError."""
    factory = library().MinerFactory().with_identification_timeout_secs(max(1, round(timeout)))
    try:
        return await factory.get_miner(address)
    except Exception as exc:
        # The boundary to the library, which names none of its errors: whatever it raises is this read's failure, which
        # the sample says; the next read looks for the miner anew.
        raise SourceError(f"{address}: {type(exc).__name__}: {exc}") from exc


async def told_by(device: AsicDevice) -> Mapping[str, Any]:
    """All that a miner tells, as plain values. Raises SourceError."""
    try:
        data = (await device.get_data()).model_dump()
    except Exception as exc:
        # The same boundary, and the same becomes of the read; a value that the library cannot put in its model as well.
        raise SourceError(f"{type(exc).__name__}: {exc}") from exc
    return data if isinstance(data, Mapping) else {}


def on_loop(work: Coroutine[Any, Any, T], timeout: float) -> T:
    """The result of what must be awaited, for a thread; one loop serves all of the process. Raises TimeoutError."""
    return asyncio.run_coroutine_threadsafe(asyncio.wait_for(work, timeout), _loop()).result(timeout + 1)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, name="asics", daemon=True).start()
    return loop


def parse(data: Mapping[str, Any]) -> Reading:
    """The figures of the library's `MinerData`, which has everything but what this miner does not tell."""
    info = _mapping(data.get("device_info"))
    pools = _pools(data)
    boards = _boards(data)
    accepted, rejected = _shares(pools)
    fans = _fans(data)
    hashrate = rate(data.get("hashrate"))
    return Reading(
        hashrate=0.0 if hashrate is None and data.get("is_mining") is False else hashrate,
        algorithm=_algorithm(info),
        accepted=accepted,
        rejected=rejected,
        temperature=_warmest(boards, data),
        power=_power(data.get("wattage")),
        boards=boards or None,
        fans=fans or None,
        miner=miner_named(_name(info), str(data.get("firmware_version") or info.get("firmware") or "")),
        pool=next((pool for each in pools if (pool := pool_of(_text(each.get("url"))))), None),
        uptime=_seconds(data.get("uptime")),
        lacks="; ".join([*_still(fans), *_complaints(data)]),
    )


def rate(told: object) -> float | None:
    """H/s of a `HashRate`: `{"value": 1.19, "unit": "TH/s"}`."""
    value = number(_mapping(told).get("value"))
    factor = _UNITS.get(str(_mapping(told).get("unit", "")).lower().removesuffix("/s").removesuffix("h"))
    return None if value is None or factor is None else value * factor


def _boards(data: Mapping[str, Any]) -> tuple[Board, ...]:
    """Those that tell of themselves, and in the places of the others boards that are not active."""
    told = {board.id: board for each in _list(data, "hashboards") if (board := _board(each))}
    expected = number(data.get("expected_hashboards")) or 0
    places = [str(at) for at in range(min(int(expected), BOARDS_MAX))]
    # A board counts as missing only where the others say which places there are.
    gone = {place: Board(place, active=False) for place in places if place not in told} if told else {}
    return tuple(sorted((told | gone).values(), key=lambda board: int(board.id)))[:BOARDS_MAX]


def _board(told: Mapping[str, Any]) -> Board | None:
    place, active = number(told.get("position")), told.get("active")
    if place is None:
        return None
    chips = [warmth(number(told.get(name))) for name in ("inlet_chip_temperature", "outlet_chip_temperature")]
    return Board(
        str(int(place)),
        active=active if isinstance(active, bool) else None,
        hashrate=rate(told.get("hashrate")),
        temperature=warmth(number(told.get("board_temperature"))),
        chip_temperature=highest(chips),
        chips=_count(told.get("working_chips")),
        chips_expected=_count(told.get("expected_chips")),
    )


def _fans(data: Mapping[str, Any]) -> tuple[Fan, ...]:
    named = [("", each) for each in _list(data, "fans")] + [("psu ", each) for each in _list(data, "psu_fans")]
    fans = [Fan(f"{of}{each.get('position')}"[:LINE_MAX], rpm=_positive(each.get("rpm"))) for of, each in named]
    return tuple({fan.id: fan for fan in fans}.values())[:BOARDS_MAX]


def _still(fans: Sequence[Fan]) -> list[str]:
    """Fans that stand while others turn; where all stand, the miner is cooled otherwise, or off."""
    turning = any(fan.rpm for fan in fans)
    return [f"fan {fan.id} stands still" for fan in fans if turning and fan.rpm == 0]


def _complaints(data: Mapping[str, Any]) -> list[str]:
    """What the miner itself calls an error, the first few."""
    errors = [each for each in _list(data, "messages") if str(each.get("severity", "")).lower().endswith("error")]
    return [f"{each.get('message')} ({each.get('code')})"[:_COMPLAINT_MAX] for each in errors[:_COMPLAINTS_MAX]]


def _warmest(boards: Sequence[Board], data: Mapping[str, Any]) -> float | None:
    """The hottest chip; where chips do not tell, the hottest board, and else the mean that the miner gives."""
    for told in ([b.chip_temperature for b in boards], [b.temperature for b in boards]):
        if (hottest := highest(told)) is not None:
            return hottest
    return warmth(number(data.get("average_temperature")))


def _power(told: object) -> float | None:
    watts = number(told)
    return watts if watts is not None and 0 < watts < STRONGEST else draw(watts)


def _pools(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Those that are set up, the one that is mined for first."""
    found = [each for group in _list(data, "pools") for each in _list(group, "pools")]
    return sorted((each for each in found if pool_of(_text(each.get("url")))), key=lambda each: not each.get("active"))


def _shares(pools: Sequence[Mapping[str, Any]]) -> tuple[int | None, int | None]:
    """Accepted and rejected with all pools together. Firmware that counts only in all repeats the sum at each pool."""
    counts = [(_count(each.get("accepted_shares")), _count(each.get("rejected_shares"))) for each in pools]
    if len(counts) > 1 and len(set(counts)) == 1:
        counts = counts[:1]
    accepted = [each for each, _ in counts if each is not None]
    rejected = [each for _, each in counts if each is not None]
    return (sum(accepted) if accepted else None), (sum(rejected) if rejected else None)


def _algorithm(info: Mapping[str, Any]) -> str | None:
    name = algorithm_of(_text(info.get("algo")))
    return None if name in (None, "unknown") else _ALGORITHMS.get(name, name)


def _name(info: Mapping[str, Any]) -> str:
    return " ".join(filter(None, (_text(info.get("make")), _text(info.get("model"))))) or "ASIC"


def _seconds(told: object) -> float | None:
    seconds = told.total_seconds() if isinstance(told, timedelta) else number(told)
    return seconds if seconds is None or seconds >= 0 else None


def _count(told: object) -> int | None:
    value = number(told)
    return int(value) if value is not None and 0 <= value <= 2**53 else None


def _positive(told: object) -> float | None:
    value = number(told)
    return value if value is not None and value >= 0 else None


def _text(told: object) -> str | None:
    return told if isinstance(told, str) else None


def _mapping(told: object) -> Mapping[str, Any]:
    return told if isinstance(told, Mapping) else {}


def _list(told: object, name: str) -> list[Mapping[str, Any]]:
    found = _mapping(told).get(name)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list | tuple) else []
