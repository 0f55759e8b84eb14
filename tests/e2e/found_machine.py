"""A machine in a network of its own: T-Rex, XMRig and a chain client answer on their usual ports, and `rigwatch up`
runs. Writes what `up` said and, last, a sample that it has stored; `python -m tests.e2e.found_machine HOME`.

The chain client is a real one, anvil. T-Rex is closed source, and no registry that the tests install from has XMRig
(Debian has no such package, npm and PyPI only programs around it): these two answer as real ones did.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import IO

from tests.chains import anvil_command
from tests.miners import captured
from tests.ports import is_listening
from tests.requirements import program
from tests.waiting import eventually

CHAIN_PORT = 8545
MINERS = {4067: {"/summary": "trex-0.25.9.json"}, 44444: {"/2/summary": "xmrig-6.21.0-summary.json"}}


def main() -> None:
    home = Path(sys.argv[1])
    # A new network has nothing, not even a loopback that is up.
    subprocess.run([program("ip"), "link", "set", "lo", "up"], check=True)
    for port, paths in MINERS.items():
        _serve(port, paths)
    command = [sys.executable, "-m", "rigwatch", "--home", str(home)]
    with (home.parent / "up.log").open("w+", encoding="utf-8") as log, _running([*anvil_command(), str(CHAIN_PORT)]):
        eventually(lambda: is_listening(CHAIN_PORT), timeout=30, what="anvil answers")
        with _running([*command, "up"], log):
            sample = eventually(lambda: _sample(command), timeout=120, what="a sample is stored")
        log.seek(0)
        sys.stdout.write(log.read())
    sys.stdout.write(f"{json.dumps(sample)}\n")


@contextmanager
def _running(command: Sequence[str | Path], output: IO[str] | int = subprocess.DEVNULL) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)


def _sample(command: list[str]) -> dict[str, object] | None:
    done = subprocess.run([*command, "export", "--format", "jsonl"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    found: dict[str, object] | None = json.loads(lines[-1]) if lines else None
    return found


def _serve(port: int, paths: Mapping[str, str]) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200 if self.path in paths else 404, captured(paths[self.path]) if self.path in paths else b"")

        def _send(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    threading.Thread(target=ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever, daemon=True).start()


if __name__ == "__main__":
    main()
