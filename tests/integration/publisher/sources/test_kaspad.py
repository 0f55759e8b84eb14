"""The example for kaspad, read by source `exec`, against a WebSocket server that answers as its wRPC in JSON does.

The shapes are those of the descriptions of GetInfo, GetBlockDagInfo and GetConnectedPeerInfo, and of clients of it:
an answer has the number and method of the question, and what is told as `params`.
"""

import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any, Final

import pytest
from websockets.sync.server import ServerConnection, serve

from publisher.sources.reading import Reading, SourceError
from publisher.sources.registry import build_sources
from publisher.sources.source import Context
from rigwatch.clock import SystemClock
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.integration.publisher.sources.miner_server import miner_server
from tests.ports import free_port
from tests.processes import ROOT

SCRIPT: Final = ROOT / "docs/examples/kaspad.py"
ANSWERS: Final[dict[str, Any]] = {
    "getInfo": {"p2pId": "7f", "mempoolSize": 3, "serverVersion": "1.0.0", "isUtxoIndexed": False, "isSynced": True},
    "getBlockDagInfo": {
        "network": "mainnet",
        "blockCount": 900_000,
        "headerCount": 900_000,
        # More than fits into a short frame, as with many tips.
        "tipHashes": ["ab" * 32] * 20,
        "difficulty": 2.35e15,
        "sink": "cd" * 32,
        "virtualDaaScore": 141_606_003,
    },
    "getConnectedPeerInfo": {"peerInfo": [{"id": str(at), "isIbdPeer": False} for at in range(8)]},
}


@contextmanager
def _kaspad(answers: dict[str, Any]) -> Iterator[int]:
    def answer(connection: ServerConnection) -> None:
        connection.send(json.dumps({"method": "blockAddedNotification", "params": {}}))
        for text in connection:
            asked = json.loads(text)
            told = answers.get(asked["method"])
            body = {"error": {"code": 0, "message": "no such method"}} if told is None else {"params": told}
            connection.send(json.dumps({"id": asked["id"], "method": asked["method"], **body}))

    with serve(answer, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield int(server.socket.getsockname()[1])
        finally:
            server.shutdown()
            thread.join()


def _read(port: int) -> Reading:
    """With the lines that docs/publisher.md says to write."""
    text = Path(ROOT / "docs/publisher.md").read_text("utf-8")
    lines = text.partition('[[nodes.sources]]\nkind = "exec"\ncommand = ["python3", "/usr/local/lib/kaspad.py"')[2]
    assert lines, "the document shows how"
    figures = tomllib.loads(next(line for line in lines.splitlines() if line.startswith("figures")))
    settings = {
        "kind": "exec",
        "command": [sys.executable, str(SCRIPT), f"127.0.0.1:{port}"],
        "timeout": "30s",
        **figures,
    }
    context = Context(NodeId("main", "rig07"), SystemClock())
    ((_, source),) = build_sources([settings], SettingPlace("publisher.toml"), context)
    return source.read()


def test_kaspads_block_peers_and_whether_it_syncs_are_read() -> None:
    with _kaspad(ANSWERS) as port:
        assert _read(port) == Reading(block=141_606_003, peers=8, syncing=False)


def test_one_that_syncs_says_so() -> None:
    with _kaspad({**ANSWERS, "getInfo": {"isSynced": False}}) as port:
        assert _read(port).syncing is True


def test_a_method_that_is_refused_is_an_error_in_one_line() -> None:
    answers = {name: told for name, told in ANSWERS.items() if name != "getBlockDagInfo"}
    with _kaspad(answers) as port, pytest.raises(SourceError, match=r"getBlockDagInfo: .*no such method"):
        _read(port)


def test_a_port_of_something_else_and_one_where_nobody_listens_are_errors_that_say_so() -> None:
    with miner_server({}) as server, pytest.raises(SourceError, match="is no WebSocket"):
        _read(server.port)
    with pytest.raises(SourceError, match="refused"):
        _read(free_port())
