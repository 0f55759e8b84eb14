"""A machine in a network of its own: T-Rex, XMRig and a chain client answer on their usual ports, and `rigwatch up`
runs. Writes what `up` said and, last, a sample that it has stored; `python -m tests.e2e.found_machine HOME`.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.integration.publisher.sources.chain_server import geth
from tests.miners import captured
from tests.requirements import program
from tests.waiting import eventually

CHAIN = geth(
    {"net_peerCount": "0x19", "eth_blockNumber": "0x4b7", "eth_getBlockByNumber": {"number": "0x4b7", "hash": "0xab"}}
)
MINERS = {4067: {"/summary": "trex-0.25.9.json"}, 44444: {"/2/summary": "xmrig-6.21.0-summary.json"}}


def main() -> None:
    home = Path(sys.argv[1])
    # A new network has nothing, not even a loopback that is up.
    subprocess.run([program("ip"), "link", "set", "lo", "up"], check=True)
    for port, paths in {**MINERS, 8545: {}}.items():
        _serve(port, paths)
    command = [sys.executable, "-m", "rigwatch", "--home", str(home)]
    with (home.parent / "up.log").open("w+", encoding="utf-8") as log:
        up = subprocess.Popen([*command, "up"], stdout=log, stderr=log)
        try:
            sample = eventually(lambda: _sample(command), timeout=120, what="a sample is stored")
        finally:
            up.terminate()
            up.wait(20)
        log.seek(0)
        sys.stdout.write(log.read())
    sys.stdout.write(f"{json.dumps(sample)}\n")


def _sample(command: list[str]) -> dict[str, object] | None:
    done = subprocess.run([*command, "export", "--format", "jsonl"], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    found: dict[str, object] | None = json.loads(lines[-1]) if lines else None
    return found


def _serve(port: int, paths: Mapping[str, str]) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(200 if self.path in paths else 404, captured(paths[self.path]) if self.path in paths else b"")

        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._send(*CHAIN(asked))

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
