"""The whole publisher: several nodes, real sources, a real broker, real processes."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from publisher.agent import publish
from publisher.outbox_file import OutboxBusyError
from rigwatch.clock import SystemClock
from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Sample
from rigwatch.mqtt import Endpoint
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.settings.publisher import PublisherSettings
from rigwatch.topics import NodeId
from tests.integration.publisher.server import serving
from tests.integration.publisher.sources.chain_server import chain_server, geth
from tests.integration.publisher.sources.miner_server import miner_server
from tests.miners import captured
from tests.mosquitto import Mosquitto
from tests.processes import Rigwatch
from tests.waiting import eventually, eventually_async

PASSPHRASE = "correct horse battery"
MASTER = MasterKey.from_passphrase(PASSPHRASE)


def _node(broker: Mosquitto, node: str, /, *sources: dict[str, Any], **more: Any) -> dict[str, Any]:  # noqa: ANN401 - TOML
    return {
        "node": node,
        "server": broker.url,
        "passphrase": PASSPHRASE,
        "interval": "1s",
        "sources": list(sources) or [{"kind": "simulated", "every": "500ms"}],
        **more,
    }


def _settings(*nodes: dict[str, Any]) -> PublisherSettings:
    return build(PublisherSettings, {"nodes": list(nodes)}, SettingPlace("publisher.toml"))


def _keys(*names: str) -> dict[NodeId, NodeKey]:
    return {NodeId("main", name): MASTER.node_key(NodeId("main", name)) for name in names}


@asynccontextmanager
async def publishing(home: Path, settings: PublisherSettings) -> AsyncIterator[None]:
    stop = asyncio.Event()
    task = asyncio.create_task(publish(Home(home), settings, clock=SystemClock(), stop=stop))
    try:
        yield
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await task


def _endpoint(broker: Mosquitto) -> Endpoint:
    return Endpoint("127.0.0.1", broker.port)


async def test_a_miner_that_dies_leaves_an_error_and_no_hashrate_of_0(mosquitto: Mosquitto, tmp_path: Path) -> None:
    keys = _keys("gpu")
    (gpu,) = keys
    with miner_server({"/summary": captured("trex-0.25.9.json")}) as miner:
        settings = _settings(_node(mosquitto, "gpu", {"kind": "trex", "url": miner.url, "every": "500ms"}))
        async with serving(_endpoint(mosquitto), keys) as server, publishing(tmp_path, settings):
            await eventually_async(lambda: server.samples(gpu))
            alive = server.samples(gpu)[-1]
            miner.answers = {"/summary": (500, b"")}
            await eventually_async(lambda: server.samples(gpu)[-1].errors)
            dead = server.samples(gpu)[-1]
    assert (alive.hashrate, alive.accepted, alive.errors) == (50287688, 1, {})
    assert [card.id for card in alive.gpus or ()] == ["0000:0a:00.0"]
    assert (dead.hashrate, dead.gpus, dead.accepted) == (None, None, None)
    assert "HTTP status 500" in dead.errors["trex"]


async def test_every_node_has_a_connection_an_outbox_and_figures_of_its_own(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    keys = _keys("cpu", "gpu")
    cpu, gpu = keys
    hashes = tmp_path / "0202001"
    hashes.write_text("1000\n500\n")
    figures = {"net_peerCount": "0x3", "eth_blockNumber": "0x64", "eth_syncing": False}
    with chain_server(geth(figures)) as chain:
        settings = _settings(
            _node(mosquitto, "cpu", {"kind": "jsonrpc", "url": chain.url, "every": "500ms"}, tags=["old"]),
            _node(mosquitto, "gpu", {"kind": "hashfile", "path": str(hashes), "every": "200ms"}, name="GPU 1"),
        )
        async with serving(_endpoint(mosquitto), keys) as server:
            async with publishing(tmp_path, settings):
                await eventually_async(lambda: server.samples(cpu) and server.samples(gpu))
                assert sorted(path.name for path in (tmp_path / "outbox").glob("*.db")) == [
                    "main.cpu.db",
                    "main.gpu.db",
                ]
            await eventually_async(lambda: all(server.states(node)[-1] is NodeState.OFFLINE for node in keys))
    (first, *_), (second, *_) = server.samples(cpu), server.samples(gpu)
    assert (first.peers, first.block, first.hashrate, first.errors) == (3, 100, None, {})
    assert (second.hashrate, second.peers, second.errors) == (1500.0, None, {})
    births = {node: status for node, status, _ in reversed(server.statuses) if status.state is NodeState.ONLINE}
    assert (births[cpu].name, births[cpu].tags, births[cpu].sources) == ("cpu", ("old",), ("jsonrpc",))
    assert (births[gpu].name, births[gpu].interval) == ("GPU 1", 1.0)


async def test_a_miner_that_is_down_is_an_error_and_never_0(mosquitto: Mosquitto, tmp_path: Path) -> None:
    keys = _keys("rig")
    (node,) = keys
    settings = _settings(
        _node(mosquitto, "rig", {"kind": "hashfile", "path": str(tmp_path / "missing")}, {"kind": "host"})
    )
    async with serving(_endpoint(mosquitto), keys) as server, publishing(tmp_path, settings):
        await eventually_async(lambda: server.samples(node))
    sample = server.samples(node)[0]
    assert sample.hashrate is None
    assert "cannot be read" in sample.errors["hashfile"]
    assert sample.uptime is not None


async def test_one_wrong_node_is_an_error_before_anything_starts(mosquitto: Mosquitto, tmp_path: Path) -> None:
    settings = _settings(_node(mosquitto, "good"), _node(mosquitto, "bad", {"kind": "nonsense"}))
    async with serving(_endpoint(mosquitto), _keys("good", "bad")) as server:
        with pytest.raises(SettingsError, match=r"nodes\[2\]\.sources\[1\]\.kind"):
            await publish(Home(tmp_path), settings, clock=SystemClock(), stop=asyncio.Event())
        assert not server.statuses
    assert not (tmp_path / "outbox").exists()


async def test_a_node_that_is_published_already_is_an_error_before_anything_starts(
    mosquitto: Mosquitto, tmp_path: Path
) -> None:
    async with serving(_endpoint(mosquitto), _keys("a", "b")) as server:
        async with publishing(tmp_path, _settings(_node(mosquitto, "b"))):
            await eventually_async(lambda: server.states(NodeId("main", "b")))
            both = _settings(_node(mosquitto, "a"), _node(mosquitto, "b"))
            with pytest.raises(OutboxBusyError, match="main/b is already published"):
                await publish(Home(tmp_path), both, clock=SystemClock(), stop=asyncio.Event())
        assert not server.states(NodeId("main", "a"))


def _write_settings(rigwatch: Rigwatch, *nodes: dict[str, Any]) -> None:
    rigwatch.home.mkdir()
    lines: list[str] = []
    for node in nodes:
        lines.append("[[nodes]]")
        lines += [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in node.items() if key != "sources"]
        for source in node["sources"]:
            lines.append("[[nodes.sources]]")
            lines += [f"{key} = {msgspec.json.encode(value).decode()}" for key, value in source.items()]
    (rigwatch.home / "publisher.toml").write_text("\n".join(lines), encoding="utf-8")


def _numbers(samples: list[Sample]) -> set[int]:
    return {sample.n for sample in samples}


async def test_a_process_that_is_killed_leaves_its_will_and_loses_nothing(
    mosquitto: Mosquitto, rigwatch: Rigwatch
) -> None:
    keys = _keys("rig")
    (node,) = keys
    _write_settings(rigwatch, _node(mosquitto, "rig"))
    async with serving(_endpoint(mosquitto), keys, answers=False) as server:
        program = rigwatch.start("publish")
        await eventually_async(lambda: len(server.samples(node)) >= 2, timeout=30)
        program.kill()
        await eventually_async(lambda: server.states(node)[-1] is NodeState.LOST)
        before = _numbers(server.samples(node))
    async with serving(_endpoint(mosquitto), keys) as again:
        program = rigwatch.start("publish")
        await eventually_async(lambda: before <= _numbers(again.samples(node)), timeout=30)
        assert program.terminate() == 0
        await eventually_async(lambda: again.states(node)[-1] is NodeState.OFFLINE)
        sessions = [status.session for _, status, _ in again.statuses]
        assert sessions == sorted(sessions)


def test_a_second_process_ends_with_one_clear_line(mosquitto: Mosquitto, rigwatch: Rigwatch) -> None:
    _write_settings(rigwatch, _node(mosquitto, "rig"))
    rigwatch.start("publish")
    outbox = rigwatch.home / "outbox" / "main.rig.db"
    eventually(outbox.exists, timeout=30)
    eventually(lambda: "New client connected" in mosquitto.log(), timeout=30)
    second = rigwatch.run("publish")
    assert second.returncode == 1
    errors = [line for line in second.stderr.splitlines() if line.startswith("rigwatch: ")]
    assert len(errors) == 1
    assert "node main/rig is already published by another process" in errors[0]


@pytest.mark.skipif(sys.platform == "win32", reason="needs a named pipe")
def test_a_host_that_answers_nothing_does_not_keep_the_process_from_ending(
    mosquitto: Mosquitto, rigwatch: Rigwatch
) -> None:
    fifo = rigwatch.folder / "fifo"
    os.mkfifo(fifo)
    # Opening a pipe that nobody writes to waits for ever: a disk that hangs, or a network share.
    _write_settings(rigwatch, _node(mosquitto, "rig", {"kind": "hashfile", "path": str(fifo)}))
    program = rigwatch.start("publish")
    eventually(lambda: "New client connected" in mosquitto.log(), timeout=30)
    assert program.terminate(timeout=10) == 0
