"""ASICs of every maker that pyasic-rs knows: rate, boards, chips, fans, power, pool. One publisher may read many."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from ipaddress import ip_interface, ip_network
from typing import Annotated, Any, Final

from msgspec import Meta, Struct

from publisher.sources import asic_library
from publisher.sources.answers import algorithm_of, miner_named, pool_of
from publisher.sources.cards import draw, highest, warmth
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.clock import Clock
from rigwatch.messages import Gpu
from rigwatch.settings.loader import between

LOOK_AGAIN: Final = 300.0
"""Seconds between two searches of a network for an ASIC that has left its address."""
_SEARCH: Final = 60.0
_SENT: Final = {"sha256": "sha256d"}
"""One name for one algorithm, whoever tells of it."""
_MESSAGES_MAX: Final = 3


class AsicSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`address` is the ASIC's own. With its `mac` it is known again at another address of `network`, which is the /24
    around the address unless it says otherwise.
    """

    address: Annotated[str, Meta(min_length=1)] = "192.168.1.50"
    mac: str = ""
    network: str = ""
    every: Annotated[timedelta, between(timedelta(seconds=1), timedelta(hours=1))] = timedelta(seconds=30)
    timeout: Annotated[timedelta, between(timedelta(seconds=1), timedelta(minutes=1))] = timedelta(seconds=15)

    def __post_init__(self) -> None:
        try:
            ip_interface(self.address)
        except ValueError:
            raise ValueError("address should be an address such as 192.168.1.50") from None
        try:
            ip_network(self.network or "192.168.1.0/24", strict=False)
        except ValueError:
            raise ValueError("network should look like 192.168.1.0/24") from None


class AsicSource:
    """Stays with the ASIC that answered, and asks anew what stands at the address after it failed."""

    blocking = True

    def __init__(self, settings: AsicSettings, context: Context) -> None:
        self.every = settings.every
        self.timeout = settings.timeout
        self._address = settings.address
        self._mac = _plain(settings.mac)
        self._network = settings.network or str(ip_network(f"{settings.address}/24", strict=False))
        self._clock: Clock = context.clock
        self._miner: asic_library.Miner | None = None

    def read(self) -> Reading:
        try:
            return self._read_at(self._address)
        except asic_library.NotInstalledError:
            raise
        except SourceError:
            self._miner = None
            where = PLACES.of(self._mac, self._network, self._clock) if self._mac else None
            if where is None or where == self._address:
                raise
            self._address = where
            return self._read_at(where)

    def _read_at(self, address: str) -> Reading:
        seconds = self.timeout.total_seconds()
        if self._miner is None:
            self._miner = asic_library.find(address, seconds)
            if self._miner is None:
                raise SourceError(f"{address}: no ASIC that is known answers; is it on, and is this its address?")
        data = asic_library.data_of(self._miner, seconds)
        if self._mac and data.mac and _plain(data.mac) != self._mac:
            raise SourceError(f"{address}: another ASIC stands here now ({data.mac})")
        return parse(data)


class Places:
    """Where the ASICs of a network are, by MAC; searched for at most every few minutes, whoever asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, dict[str, str]] = {}
        self._searched: dict[str, float] = {}

    def of(self, mac: str, network: str, clock: Clock) -> str | None:
        with self._lock:
            now = clock.monotonic()
            if now - self._searched.get(network, -LOOK_AGAIN) >= LOOK_AGAIN:
                self._searched[network] = now
                self._known[network] = _macs(network)
            return self._known.get(network, {}).get(mac)


PLACES: Final = Places()


def _macs(network: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for miner in asic_library.scan(network, _SEARCH):
        try:
            data = asic_library.data_of(miner, _SEARCH)
        except SourceError:
            continue
        if data.mac:
            found[_plain(data.mac)] = str(miner.ip)
    return found


def parse(data: Any) -> Reading:  # noqa: ANN401 - the library's own
    """The figures of the library's `MinerData`. Boards are told of as cards are; one that is gone is left out of them,
    where its alert looks for it, and lost chips, a fan that stands and the ASIC's own complaints are what it lacks.
    """
    boards = [board for board in data.hashboards if board.active is not False]
    pool = _pool(data.pools)
    rate = hashes(data.hashrate)
    return Reading(
        hashrate=0.0 if data.is_mining is False and rate is None else rate,
        accepted=None if pool is None else pool.accepted_shares,
        rejected=None if pool is None else pool.rejected_shares,
        algorithm=_algorithm(data.device_info.algo),
        temperature=highest([*(_warmest(board) for board in boards), warmth(data.average_temperature)]),
        power=data.wattage or None,
        gpus=tuple(_board(board) for board in boards) or None,
        miner=miner_named(f"{data.device_info.make} {data.device_info.model}", data.firmware_version),
        pool=None if pool is None else pool_of(str(pool.url)),
        uptime=None if data.uptime is None else data.uptime.total_seconds(),
        lacks="; ".join([*_lost_chips(data.hashboards), *_still_fans(data.fans), *_complaints(data.messages)]),
    )


def hashes(rate: Any) -> float | None:  # noqa: ANN401 - the library's own
    """H/s of a rate in its own unit."""
    if rate is None:
        return None
    prefix = str(rate.unit).strip().removesuffix("/s").removesuffix("H")
    scale = {"": 0, "K": 1, "k": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6, "Z": 7, "Y": 8}.get(prefix)
    return None if scale is None else float(rate.value) * 1000.0**scale


def _board(board: Any) -> Gpu:  # noqa: ANN401 - the library's own
    return Gpu(
        id=f"board-{board.position}",
        name=f"hashboard {board.position}",
        hashrate=hashes(board.hashrate),
        temperature=_warmest(board),
        power=draw(getattr(board, "wattage", None)),
    )


def _warmest(board: Any) -> float | None:  # noqa: ANN401 - the library's own
    told = (board.board_temperature, board.inlet_chip_temperature, board.outlet_chip_temperature)
    return highest(warmth(value) for value in (*told, *(chip.temperature for chip in board.chips)))


def _pool(groups: Sequence[Any]) -> Any:  # noqa: ANN401 - the library's own
    """The one that is mined to; some tell the shares of all with each."""
    pools = [pool for group in groups for pool in group.pools]
    return next((pool for pool in pools if pool.active), pools[0] if pools else None)


def _algorithm(algorithm: object) -> str | None:
    name = algorithm_of(str(algorithm).rpartition(".")[2])
    return _SENT.get(name or "", name)


def _lost_chips(boards: Sequence[Any]) -> list[str]:
    return [
        f"hashboard {board.position}: {board.working_chips} of {board.expected_chips} chips work"
        for board in boards
        if board.working_chips is not None and board.expected_chips and board.working_chips < board.expected_chips
    ]


def _still_fans(fans: Sequence[Any]) -> list[str]:
    """One that stands while others run; where all stand, it is cooled otherwise, or off."""
    turning = any(fan.rpm for fan in fans)
    return [f"fan {fan.position} stands still" for fan in fans if turning and fan.rpm == 0]


def _complaints(messages: Sequence[Any]) -> list[str]:
    errors = [each for each in messages if str(each.severity).rpartition(".")[2].lower() == "error"]
    return [f"{each.message} ({each.code})"[:120] for each in errors[:_MESSAGES_MAX]]


def _plain(mac: str) -> str:
    return mac.lower().replace("-", ":").strip()
