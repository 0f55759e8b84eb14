"""How much a stranger, or a client that means harm, can make the broker write."""

import asyncio
import logging
from dataclasses import replace
from pathlib import Path

import pytest

from broker.rights import Role
from broker.service import new_event_loop
from tests.integration.broker.line import opened
from tests.integration.broker.peer import Login, Peer, connect, publish
from tests.integration.broker.running import RIG2, House, broker_running, limits
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

TIMES = 40


async def ask(port: int, said: bytes) -> None:
    """Says it, and goes when there is an answer or an end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(said)
    try:
        async with asyncio.timeout(0.2):
            await reader.read(100)
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.transport.abort()


async def unknown_users(house: House, number: int) -> None:
    await ask(house.port, connect(Login(f"main/user{number}", "guess", f"main/user{number}")))


async def wrong_passwords(house: House, number: int) -> None:
    await ask(house.port, connect(replace(house.node(), password=f"guess {number}")))


async def no_mqtt(house: House, number: int) -> None:
    await ask(house.port, b"GET /%d HTTP/1.1\r\n\r\n" % number)


async def no_tls(house: House, number: int) -> None:
    await ask(house.tls_port, b"not TLS at all, sir %d" % number)


async def take_overs(house: House, _number: int) -> None:
    await house.join(house.node(RIG2))


async def refused_topics(house: House, number: int) -> None:
    async with await house.join(house.node()) as node:
        await node.publish(f"not/mine/{number}")
        await node.subscribe(f"nor/this/{number}")


async def violations(house: House, number: int) -> None:
    async with await house.join(house.node()) as node:
        node.send(publish("#", b"%d" % number))
        assert await node.is_closed()


FLOODS = {
    each.__name__: each
    for each in (unknown_users, wrong_passwords, no_mqtt, no_tls, take_overs, refused_topics, violations)
}


@pytest.mark.parametrize("name", FLOODS)
async def test_one_address_gets_a_line_or_two_however_often_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.INFO)
    given = limits(logins_per_minute=100_000)
    async with broker_running(tmp_path, given, tls=True) as house:
        caplog.clear()
        for number in range(TIMES):
            await FLOODS[name](house, number)
        await eventually_async(lambda: _lines(caplog), what="a line")
        # One of each kind: that it was refused, and that a client was lost.
        assert 1 <= len(_lines(caplog)) <= 2, caplog.text
    # The end of the broker, which loses its clients, has no more to say.
    assert len(_lines(caplog)) <= 2, caplog.text


async def test_a_websocket_that_is_none_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with broker_running(tmp_path, websocket=True) as house:
        caplog.clear()
        for number in range(TIMES):
            async with opened(house) as line:
                line.writer.write(b"GET /%d HTTP/1.0\r\nX: \xff\r\n\r\n" % number)
                assert await line.is_closed()
        assert len(_lines(caplog)) == 1, caplog.text


async def test_a_consumer_that_comes_under_ever_new_ids_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with broker_running(tmp_path) as house:
        login = house.account("grafana", Role.CONSUMER)
        caplog.clear()
        for number in range(TIMES):
            (await Peer.join(house.port, replace(login, client_id=f"panel {number}"))).drop()
        await eventually_async(lambda: len(_lines(caplog)) == 1)


def _lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name.startswith("broker.")]
