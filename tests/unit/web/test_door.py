"""Whom the dashboard's door shows out when somebody has too many connections."""

import asyncio
import socket
from collections.abc import Callable

import pytest
import uvicorn
from uvicorn.server import ServerState

from tests.fake_clock import FakeClock
from web import door
from web.door import PER_ADDRESS, Door
from web.timeouts import TimeoutProtocol

Enter = Callable[[socket.socket, tuple[str, int]], None]


async def shown_out(monkeypatch: pytest.MonkeyPatch, addresses: list[str], exempt: str = "") -> list[int]:
    """The places in the list of those whose connection is closed, when they come one by one and say nothing."""
    clients: list[socket.socket] = []

    async def come(_listening: socket.socket, enter: Enter, **_others: object) -> None:
        for each in addresses:
            accepted, client = socket.socketpair()
            accepted.setblocking(False)
            client.setblocking(False)
            clients.append(client)
            enter(accepted, (each, 1))
        await asyncio.Event().wait()

    async def nothing(_scope: object, _receive: object, _send: object) -> None: ...

    config = uvicorn.Config(nothing, log_config=None)
    config.load()
    made = Door(
        lambda: TimeoutProtocol(config=config, server_state=ServerState(), app_state={}),
        None,
        FakeClock(),
        is_exempt=lambda address: address == exempt,
    )
    monkeypatch.setattr(door, "accepting", come)
    with socket.socket() as listening:
        serving = asyncio.create_task(made.serve(listening))
        await turns()
        closed = [place for place, each in enumerate(clients) if _is_closed(each)]
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
    for each in clients:
        each.close()
    await turns()
    return closed


async def turns() -> None:
    """As many of the loop's as it takes to open or close what there is, and some more."""
    for _ in range(20):
        await asyncio.sleep(0)


def _is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False


async def test_addresses_of_one_ipv6_network_have_the_places_of_one(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"2001:db8:0:7::{number:x}" for number in range(1, PER_ADDRESS + 3)]
    assert await shown_out(monkeypatch, ["2001:db8:0:8::1", *many]) == [1, 2]


async def test_who_is_exempt_is_so_by_its_own_address(monkeypatch: pytest.MonkeyPatch) -> None:
    proxy, other = "2001:db8::1", "2001:db8::2"
    assert await shown_out(monkeypatch, [other, *[proxy] * PER_ADDRESS], exempt=proxy) == []
    assert await shown_out(monkeypatch, [*[proxy] * PER_ADDRESS, other], exempt=proxy) == [0]
