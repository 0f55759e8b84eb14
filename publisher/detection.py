"""Looks for what can be read on this machine without being told: miners and chain clients on the ports that they are
usually given, Hive's files, and the cards' drivers. Nothing is written here.

Only this machine is asked, and only what is asked of it anyway later: each answer is read by the source that would
read it, so that nothing is taken for something else.
"""

import os
import socket
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from msgspec import structs

from publisher.inspection import SourceResult, look_at
from publisher.sources.nvml_library import has_cards
from publisher.sources.reading import Reading
from publisher.sources.registry import KINDS, build_sources
from publisher.sources.source import Context
from rigwatch.clock import Clock
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId

HTTP_PORTS: Final[Mapping[int, str]] = {
    4067: "trex",
    44444: "xmrig",
    8080: "xmrig",
    18088: "xmrig",
    44445: "xmrig-proxy",
    8020: "lolminer",
    4444: "lolminer",
    10050: "gminer",
    10555: "gminer",
    22333: "nbminer",
    21550: "srbminer",
    5000: "rigel",
    4014: "bzminer",
    3001: "onezerominer",
}
"""Which miner usually answers there; any other may, and is asked after it."""
HTTP_KINDS: Final = tuple(dict.fromkeys(HTTP_PORTS.values()))
TCP_PORTS: Final[Mapping[int, str]] = {4028: "cgminer", 3333: "ethminer", 3334: "ethminer"}
CHAIN_PORTS: Final[Mapping[int, str]] = {8545: "jsonrpc", 8332: "bitcoind", 9332: "bitcoind", 18081: "monerod"}
_COOKIES: Final[Mapping[int, str]] = {8332: "~/.bitcoin/.cookie", 9332: "~/.litecoin/.cookie"}
_CONNECT: Final = 0.3
_TIMEOUT: Final = "1500ms"
_WITHIN_S: Final = 4.0
"""Seconds for all that a port may be, after the one that it usually is."""
_PROXY: Final = "xmrig-proxy"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that may be there: the settings of sources of which the first that can be read is it."""

    where: str
    tries: tuple[Mapping[str, Any], ...]
    port: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A source that can be read: its settings as `publisher.toml` has them, and what it gave."""

    settings: Mapping[str, Any]
    where: str
    reading: Reading = field(default_factory=Reading)

    @property
    def kind(self) -> str:
        return str(self.settings["kind"])


def usual_candidates() -> list[Candidate]:
    """Of this machine, in the order in which their figures should count."""
    return [*_cards(), *_miners(HTTP_PORTS), *_tcp(TCP_PORTS), *_hive(), *_chains(CHAIN_PORTS)]


def detect(candidates: Sequence[Candidate], clock: Clock) -> list[Found]:
    """Those that are there, in order. Takes milliseconds where nothing listens, and seconds at most."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return [found for found in pool.map(lambda each: _look(each, clock), candidates) if found is not None]


def unnamed(found: Iterable[Found], named: Iterable[Mapping[str, Any]]) -> list[Found]:
    """Those that the settings do not have yet: of the same kind at the same place, or of drivers and files, at all."""
    known = [_place(settings) for settings in named]
    return [each for each in found if _place(each.settings) not in known]


def _place(settings: Mapping[str, Any]) -> tuple[str, str]:
    where = str(settings.get("url") or settings.get("address") or _default(settings)).rstrip("/")
    port = where.rpartition(":")[2]
    local = any(f"{host}:{port}" in where for host in ("127.0.0.1", "localhost", "[::1]"))
    # A miner on a port is the same one whatever kind reads it.
    return ("port", port) if local else (str(settings.get("kind")), where)


def _default(settings: Mapping[str, Any]) -> str:
    """Where a kind listens that says nothing of it."""
    kind = KINDS.get(str(settings.get("kind")))
    defaults = {} if kind is None else {each.name: each.default for each in structs.fields(kind.settings)}
    return next((str(defaults[name]) for name in ("url", "address") if isinstance(defaults.get(name), str)), "")


def _look(candidate: Candidate, clock: Clock) -> Found | None:
    if candidate.port and not _listens(candidate.port):
        return None
    until = time.monotonic() + _WITHIN_S
    for settings in candidate.tries:
        if time.monotonic() > until:
            # Something listens that answers nobody; a start does not wait for all that it is not.
            return None
        look = _read(settings, clock)
        if look is not None and look.reading is not None and _says_something(look.reading):
            kept = {key: value for key, value in settings.items() if key != "timeout"}
            if look.reading.miner is not None and look.reading.miner.name == _PROXY:
                kept["kind"] = _PROXY
            return Found(kept, candidate.where, look.reading)
    return None


def _read(settings: Mapping[str, Any], clock: Clock) -> SourceResult | None:
    node = NodeId("main", "here")
    sources = build_sources([settings], SettingPlace("detection"), Context(node, clock))
    return look_at((node, label, source) for label, source in sources)[0]


def _says_something(reading: Reading) -> bool:
    return (
        reading.block is not None or reading.hashrate is not None or bool(reading.gpus) or reading.accepted is not None
    )


def _listens(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=_CONNECT):
            return True
    except OSError:
        return False


def _miners(ports: Mapping[int, str]) -> Iterator[Candidate]:
    for port, usual in ports.items():
        kinds = dict.fromkeys((usual, *HTTP_KINDS))
        url = f"http://127.0.0.1:{port}"
        tries = tuple({"kind": kind, "url": url, "timeout": _TIMEOUT} for kind in kinds if kind != _PROXY)
        yield Candidate(f"port {port}", tries, port)


def _tcp(ports: Mapping[int, str]) -> Iterator[Candidate]:
    for port, kind in ports.items():
        yield Candidate(f"port {port}", ({"kind": kind, "address": f"127.0.0.1:{port}", "timeout": _TIMEOUT},), port)


def _chains(ports: Mapping[int, str]) -> Iterator[Candidate]:
    for port, kind in ports.items():
        settings = {"kind": kind, "url": f"http://127.0.0.1:{port}", "timeout": _TIMEOUT}
        cookie = _COOKIES.get(port, "")
        if cookie and _is_there(cookie):
            settings["cookie"] = cookie
        yield Candidate(f"port {port}", (settings,), port)


def _hive() -> Iterator[Candidate]:
    if Path("/run/hive").is_dir():
        yield Candidate("/run/hive", ({"kind": "hiveos"},))


def _cards() -> Iterator[Candidate]:
    if has_cards():
        yield Candidate("the NVIDIA driver", ({"kind": "nvml"},))
    for kind, drivers in _DRIVERS.items():
        if os.name == "posix" and any(Path(f"/sys/bus/pci/drivers/{each}").is_dir() for each in drivers):
            yield Candidate(f"the {kind.title()} driver", ({"kind": kind},))


_DRIVERS: Final[Mapping[str, tuple[str, ...]]] = {"amd": ("amdgpu",), "intel": ("xe", "i915")}


def _is_there(path: str) -> bool:
    """Whether we may look, and it is."""
    try:
        return Path(path).expanduser().exists()
    except (OSError, RuntimeError):
        # Another user's folder, or a user without one.
        return False
