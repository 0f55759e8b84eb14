"""The user's Mosquitto with a bridge to rigwatch's broker, as docs/consumers.md sets it up: who dies is offline there,
after whatever has started again in whatever order."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from itertools import permutations
from typing import Self

import pytest

from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.home import Home
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.server import BrokerSettings, DatabaseSettings, FeedSettings, ServerSettings
from tests.integration.broker.bridge import bridge_lines
from tests.integration.broker.peer import Login, Peer
from tests.integration.broker.running import House, prepare_house, serving
from tests.integration.subscriber.running import Node, subscribing
from tests.mosquitto import StartMosquitto
from tests.ports import free_ports
from tests.rigs import MASTER, rig
from tests.waiting import eventually_async, promised

# As in production.
LOOP = new_event_loop

AVAILABILITY = "rigwatch/v1/main/rig1/availability"
PARTS = ("broker", "subscriber", "mosquitto")
ORDERS = list(permutations(PARTS))
WAIT = 30


class Parts:
    """What can be started again by itself."""

    def __init__(self, how: dict[str, Callable[[], AbstractAsyncContextManager[object]]]) -> None:
        self._how = how
        self._running: dict[str, AsyncExitStack] = {}

    async def __aenter__(self) -> Self:
        for part in self._how:
            await self._start(part)
        return self

    async def __aexit__(self, *_: object) -> None:
        for part in reversed(self._how):
            await self._running.pop(part).aclose()

    async def restart(self, part: str) -> None:
        await self._running.pop(part).aclose()
        await self._start(part)

    async def _start(self, part: str) -> None:
        self._running[part] = stack = AsyncExitStack()
        await stack.enter_async_context(self._how[part]())


def parts(house: House, settings: ServerSettings, start: StartMosquitto, *, lines: list[str], port: int) -> Parts:
    @asynccontextmanager
    async def mosquitto() -> AsyncIterator[None]:
        running = await asyncio.to_thread(start, lines=lines, port=port)
        yield
        await asyncio.to_thread(running.stop)

    return Parts(
        {
            "broker": lambda: serving(house.home, settings),
            "mosquitto": mosquitto,
            "subscriber": lambda: subscribing(house.home, settings),
        }
    )


@pytest.mark.parametrize(("version", "orders"), [("mqttv311", ORDERS[::2]), ("mqttv50", ORDERS[1::2])])
async def test_a_node_that_is_killed_is_offline_there_at_once_whatever_was_restarted_before(
    home: Home, start_mosquitto: StartMosquitto, version: str, orders: list[tuple[str, ...]]
) -> None:
    ours, theirs = free_ports(2)
    settings = ServerSettings(
        broker=BrokerSettings(host="127.0.0.1", port=0, plain_port=ours),
        database=DatabaseSettings(),
        feed=FeedSettings(state=True),
        alerts=AlertSettings(hold=timedelta(0), grace=timedelta(0)),
    )
    MASTER.save(home.secret_key)
    house = prepare_house(home.path, settings)
    login = house.account("bridge", Role.CONSUMER)
    lines = bridge_lines(ours, login, f"bridge_protocol_version {version}", "restart_timeout 1")
    async with parts(house, settings, start_mosquitto, lines=lines, port=theirs) as running:
        for session, order in enumerate([(), *orders], 1):
            for part in order:
                await running.restart(part)
            node = await Node.connect(rig("rig1"), ours, session)
            assert await eventually_async(
                lambda: is_kept(theirs, b"online"), timeout=WAIT, what=f"online after {order}"
            )
            node.connection.abort()
            assert await eventually_async(
                lambda: is_kept(theirs, b"offline"), timeout=promised(2), what=f"offline after {order}"
            )


async def is_kept(port: int, payload: bytes) -> bool:
    """Whether whoever comes there now finds just that."""
    async with await Peer.join(port, Login(None, None, "look")) as look:
        await look.subscribe(AVAILABILITY)
        return [each.payload for each in await look.receive_all()] == [payload]
