"""Looks through a network for miners that run no publisher of their own. Nothing is written here.

Each address is asked what a publisher would ask it anyway. What pyasic-rs knows is read by it, whatever else answers
like a Bitaxe or like cgminer by our own sources.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any, Final

from publisher.inspection import look_at
from publisher.sources import asic
from publisher.sources.asic_network import heard_neighbours, mac_of
from publisher.sources.reading import Reading, SourceError, checked
from publisher.sources.registry import build_sources
from publisher.sources.source import Context
from rigwatch.clock import Clock
from rigwatch.figures import LINE_MAX
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId

AT_ONCE: Final = 64
"""Addresses that are asked side by side."""
_CONNECT: Final = 1.0
_IDENTIFY: Final = 10.0
_PORTS: Final = (80, 4028, 443, 4433)
"""Of web pages and APIs; who listens on none of them is no miner."""
_OWN_TIMEOUT: Final = "3s"


@dataclass(frozen=True, slots=True)
class FoundMiner:
    """A miner in the network: the settings of the source that reads it, and what it told."""

    address: str
    settings: Mapping[str, Any]
    reading: Reading
    mac: str = ""
    host: str = ""

    @property
    def kind(self) -> str:
        return str(self.settings["kind"])

    @property
    def model(self) -> str:
        return self.reading.miner.name if self.reading.miner is not None else self.kind


def search(network: IPv4Network, clock: Clock) -> list[FoundMiner]:
    """Every miner of it, by address; a /24 takes some seconds. Without pyasic-rs, those that our own sources know."""
    return asyncio.run(_search(network, clock))


async def _search(network: IPv4Network, clock: Clock) -> list[FoundMiner]:
    room = asyncio.Semaphore(AT_ONCE)

    async def look(address: str) -> FoundMiner | None:
        async with room:
            return await _look(address, clock)

    found = await asyncio.gather(*(look(str(address)) for address in network.hosts()))
    return [each for each in found if each is not None]


async def _look(address: str, clock: Clock) -> FoundMiner | None:
    open_ports = await asyncio.gather(*(_listens(address, port) for port in _PORTS))
    if not any(open_ports):
        return None
    found: FoundMiner | None = None
    with suppress(SourceError, TimeoutError):
        async with asyncio.timeout(_IDENTIFY):
            found = await _by_library(address)
            if found is not None and found.reading.hashrate is not None:
                return found
    tries = [{"kind": "axeos", "url": f"http://{address}"}] if open_ports[0] else []
    tries += [{"kind": "cgminer", "address": f"{address}:4028"}] if open_ports[1] else []
    # A make that the library knows, of a firmware that it does not, may be read by our own sources.
    return await asyncio.to_thread(_by_own_sources, address, tries, clock) or found


async def _by_library(address: str) -> FoundMiner | None:
    device = await asic.identified(address, timeout=_IDENTIFY)
    if device is None:
        return None
    data = await asic.told_by(device)
    reading = checked(asic.parse(data))
    mac = mac_of(str(data.get("mac") or "")) or ""
    settings = {"kind": "asic", "address": address} | ({"mac": mac} if mac else {})
    return FoundMiner(address, settings, reading, mac, str(data.get("hostname") or "")[:LINE_MAX])


def _by_own_sources(address: str, tries: Sequence[Mapping[str, Any]], clock: Clock) -> FoundMiner | None:
    context = Context(NodeId("main", "here"), clock)
    for settings in tries:
        sources = build_sources([{**settings, "timeout": _OWN_TIMEOUT}], SettingPlace("search"), context)
        (look,) = look_at((context.node, label, source) for label, source in sources)
        if look.reading is not None and look.reading.hashrate is not None:
            # It has just answered, so the kernel knows whose the address is.
            mac = dict(heard_neighbours()).get(address, "")
            return FoundMiner(address, {**settings, **({"mac": mac} if mac else {})}, look.reading, mac)
    return None


async def _listens(address: str, port: int) -> bool:
    try:
        async with asyncio.timeout(_CONNECT):
            _, writer = await asyncio.open_connection(address, port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
