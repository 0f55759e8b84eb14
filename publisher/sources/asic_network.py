"""Where an ASIC is in the network: its address now, and where to look for its MAC when it has got another."""

import re
import socket
import time
from collections.abc import Iterator
from ipaddress import IPv4Network, ip_address
from pathlib import Path
from typing import Final

from publisher.sources.reading import SourceError
from rigwatch.clock import Clock

LOOK_EVERY: Final = 20.0
"""Seconds between two looks for a miner that has moved."""
ADDRESSES_MAX: Final = 4096
"""The most addresses that one look asks."""
_HEARD_WITHIN: Final = 1.2
"""Seconds, of a read's own time; the kernel asks a second time after one."""
_ARP: Final = Path("/proc/net/arp")
_MAC: Final = re.compile(r"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", re.ASCII)
_PORT: Final = 9
"""Discard: nobody listens there, and nobody has to: the question is only who has the address."""


def mac_of(text: str) -> str | None:
    """In small letters with colons, `02:00:00:aa:bb:cc`; None for what is none."""
    digits = re.sub(r"[:.\-]", "", text.strip().lower())
    spelled = ":".join(digits[at : at + 2] for at in range(0, len(digits), 2))
    return spelled if _MAC.fullmatch(spelled) and int(digits, 16) else None


def resolved(host: str) -> str:
    """The IP address of a host. Raises SourceError."""
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except OSError as exc:
        raise SourceError(f"{host}: no such name in the network ({exc.strerror or exc})") from None


def network_of(text: str, address: str) -> IPv4Network:
    """`text`, or the /24 around the address. Raises ValueError in words for the settings."""
    try:
        network = IPv4Network(text or f"{address}/24", strict=False)
    except ValueError:
        raise ValueError(f"should be an IPv4 network such as 192.168.1.0/24 (got {text[:40]!r})") from None
    if network.num_addresses > ADDRESSES_MAX:
        raise ValueError(f"has {network.num_addresses:,} addresses; write at most a /20, several times if need be")
    return network


def neighbours(table: str) -> Iterator[tuple[str, str]]:
    """Address and MAC of each machine in the kernel's table, `/proc/net/arp`."""
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 4 and (mac := mac_of(fields[3])):
            yield fields[0], mac


def heard_neighbours(arp: Path = _ARP) -> list[tuple[str, str]]:
    """Of the machines that this one has spoken with; nothing where the system has no such table."""
    try:
        return list(neighbours(arp.read_text(encoding="ascii", errors="replace")))
    except OSError:
        return []


class Finder:
    """Keeps the address of one miner. Without a MAC it is the one of the settings."""

    def __init__(self, address: str, mac: str, network: str, *, clock: Clock, arp: Path = _ARP) -> None:
        self.address = address
        self._mac = mac_of(mac)
        self._network = network
        self._clock = clock
        self._arp = arp
        self._looked_at = -LOOK_EVERY

    def is_another(self, told: str | None) -> bool:
        """Whether the MAC that was told is not this miner's. One that tells none is believed."""
        return self._mac is not None and told is not None and told != self._mac

    def look_elsewhere(self) -> str:
        """Looks for the miner in its network, now and then; the rest of an error's sentence."""
        now = self._clock.monotonic()
        if self._mac is None or now - self._looked_at < LOOK_EVERY:
            return ""
        self._looked_at = now
        try:
            here = resolved(self.address)
            network = network_of(self._network, here)
        except (SourceError, ValueError):
            return ""
        found = self._called(network, here)
        if found is None:
            return f"; its MAC {self._mac} is nowhere in {network}"
        self.address = found
        return f"; its MAC {self._mac} is at {found} now"

    def _called(self, network: IPv4Network, here: str) -> str | None:
        """Who else of the network has the MAC; the kernel needs a moment to hear of it.

        Its table goes on to hold the address that the miner had for up to a minute, and may hold other networks.
        """
        _call(network)
        until = time.monotonic() + _HEARD_WITHIN
        while True:
            heard = [address for address, mac in heard_neighbours(self._arp) if mac == self._mac]
            others = [each for each in heard if each != here and ip_address(each) in network]
            if others or time.monotonic() > until:
                return next(iter(others), None)
            time.sleep(0.1)


def _call(network: IPv4Network) -> None:
    """A datagram of nothing to each address: the kernel asks who has it, and keeps the answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        for address in network.hosts():
            try:
                sender.sendto(b"", (str(address), _PORT))
            except OSError:
                # No route, or no room for now: that address is asked with the next look.
                continue
