"""The broker on asyncio's own loop, as on Windows: its transports say at once what uvloop's say later."""

import asyncio
import socket
from pathlib import Path

import pytest

from broker.rights import Role
from tests.integration.broker.peer import connect
from tests.integration.broker.peer5 import connect5
from tests.integration.broker.running import broker_running


@pytest.mark.parametrize("version", [4, 5])
async def test_who_takes_over_from_a_client_that_has_just_gone_is_let_in(tmp_path: Path, version: int) -> None:
    async with broker_running(tmp_path) as house:
        login = house.account("ann", Role.ADMIN)
        (await house.join(house.service())).drop()
        packet = connect(login) if version == 4 else connect5(login).write()
        loop = asyncio.get_running_loop()
        with await _socket(house.port) as old, await _socket(house.port) as new:
            await loop.sock_sendall(old, packet)
            assert (await loop.sock_recv(old, 100))[0] == 0x20
            # Both before the broker looks again, and it looks at the newcomer first.
            new.sendall(packet)
            old.close()
            assert (await asyncio.wait_for(loop.sock_recv(new, 100), 20))[:1] == b"\x20"


async def _socket(port: int) -> socket.socket:
    made = await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port))
    made.setblocking(False)
    return made
