"""The broker as a part: its start, its stop, and what it says when it cannot start."""

import asyncio
import logging
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from broker import service
from broker.service import new_event_loop, serve
from rigwatch.clock import SystemClock
from rigwatch.errors import RigwatchError
from rigwatch.settings.server import BrokerSettings, ServerSettings
from tests.integration.broker.peer import Peer, Will
from tests.integration.broker.running import House, broker_running, prepare_house, serving
from tests.ports import free_port, free_ports, is_listening
from tests.waiting import eventually

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

STATUS1 = "rigwatch/v1/main/rig1/status"


def settings(**ports: int) -> ServerSettings:
    broker = msgspec.structs.replace(BrokerSettings(host="127.0.0.1", port=0), **{"plain_port": 0, **ports})
    return ServerSettings(broker=broker)


@pytest.mark.parametrize("name", ["port", "plain_port", "websocket_port", "metrics_port"])
async def test_a_port_that_is_taken_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = int(other.getsockname()[1])
        ports = {"plain_port": free_port(), name: taken}
        house = prepare_house(tmp_path, settings(**ports))
        with pytest.raises(RigwatchError, match=rf"cannot listen on 127\.0\.0\.1 port {taken}: .*\[broker\] {name} in"):
            await serve(house.home, settings(**ports), clock=SystemClock(), stop=asyncio.Event())
        assert not is_listening(ports["plain_port"]) or name == "plain_port"


async def test_a_home_without_a_key_is_one_clear_line(tmp_path: Path) -> None:
    house = prepare_house(tmp_path, settings(plain_port=free_port()))
    house.home.secret_key.unlink()
    with pytest.raises(RigwatchError, match=r"secret\.key: not there"):
        await serve(house.home, settings(plain_port=1), clock=SystemClock(), stop=asyncio.Event())


async def test_a_stop_closes_everybody_and_sends_no_will(tmp_path: Path) -> None:
    async with broker_running(tmp_path) as house:
        watcher, node = await house.watcher(), await house.join(house.node(will=Will(STATUS1)))
        port = house.port
        peers = [watcher, node]
        # The fixture would drop them first, which is not what is meant here.
        Peer._opened.difference_update(peers)
    assert await node.is_closed()
    assert await watcher.is_closed()
    assert not watcher._inbox
    assert not is_listening(port)
    for peer in peers:
        peer.drop()


async def test_it_starts_again_in_the_same_home(tmp_path: Path) -> None:
    wanted = settings(plain_port=free_port())
    house = prepare_house(tmp_path, wanted)
    for _ in range(3):
        async with serving(house.home, wanted), await house.join(house.node()) as node:
            await node.ping()


async def test_another_version_of_amqtt_is_warned_about(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(service, "version", lambda _: "0.13.0")
    async with broker_running(tmp_path):
        pass
    assert "amqtt is not the version that this broker was built on found=0.13.0 expected=0.12.x" in caplog.text


async def test_the_version_that_is_pinned_is_not_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with broker_running(tmp_path):
        pass
    assert "amqtt" not in caplog.text


async def test_plain_mqtt_for_other_machines_is_warned_about(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    wanted = ServerSettings(broker=BrokerSettings(port=0, plain_host="0.0.0.0", plain_port=free_port()))
    async with serving(prepare_house(tmp_path, wanted).home, wanted):
        pass
    assert "plain MQTT is open to other machines" in caplog.text


async def test_it_listens_on_ipv6_as_well(tmp_path: Path) -> None:
    wanted = ServerSettings(broker=BrokerSettings(port=0, plain_host="::1", plain_port=free_port()))
    house = prepare_house(tmp_path, wanted)
    async with serving(house.home, wanted):
        peer = await Peer.open(house.port, host="::1")
        peer.drop()


def test_the_command_serves_and_ends_at_sigterm(tmp_path: Path) -> None:
    port, tls_port = free_ports(2)
    house: House = prepare_house(tmp_path, settings(plain_port=port))
    house.home.server_toml.write_text(
        f"[broker]\nhost = '127.0.0.1'\nport = {tls_port}\nplain_port = {port}\n[broker.limits]\nconnections = 7\n"
    )
    command = [sys.executable, "-m", "rigwatch", f"--home={tmp_path}", "broker"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        eventually(lambda: process.poll() is not None or (is_listening(port) and is_listening(tls_port)))
        assert process.poll() is None
        assert asyncio.run(_answers(house))
        os.kill(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=10)
        assert process.returncode == 0, said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


async def _answers(house: House) -> bool:
    async with await house.join(house.node()) as node:
        await node.ping()
        return True
