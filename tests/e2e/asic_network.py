"""A network of its own with two Bitaxes, of which one is unplugged and the other gets another address; writes what
`rigwatch discover` and `rigwatch sources` say of them. `python -m tests.e2e.asic_network HOME`.

The answer is of the shape that ESP-Miner's own description of /api/system/info gives for a Bitaxe Gamma.
"""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.requirements import program

INFO: dict[str, Any] = {
    "power": 17.2,
    "voltage": 5100,
    "current": 3300,
    "temp": 58.5,
    "vrTemp": 60,
    "hashRate": 1150.5,
    "bestDiff": "1M",
    "bestSessionDiff": "1M",
    "isUsingFallbackStratum": 0,
    "freeHeap": 200000,
    "frequency": 575,
    "coreVoltage": 1150,
    "coreVoltageActual": 1148,
    "ssid": "x",
    "hostname": "bitaxe",
    "wifiStatus": "Connected!",
    "sharesAccepted": 348,
    "sharesRejected": 1,
    "uptimeSeconds": 2137,
    "asicCount": 1,
    "smallCoreCount": 2040,
    "ASICModel": "BM1370",
    "stratumURL": "pool.example",
    "stratumPort": 3333,
    "stratumUser": "user.rig1",
    "fallbackStratumURL": "backup.example",
    "fallbackStratumPort": 3333,
    "fallbackStratumUser": "user.rig1",
    "version": "v2.5.1",
    "boardVersion": "601",
    "runningPartition": "ota_0",
    "fanspeed": 62,
    "fanrpm": 4000,
}


def main() -> None:
    home = Path(sys.argv[1])
    subprocess.run([program("ip"), "link", "set", "lo", "up"], check=True)
    second, third = _bitaxe("127.0.0.2", "02"), _bitaxe("127.0.0.3", "03")
    told: dict[str, Any] = {}
    _run(home, "init")
    told["found"] = json.loads(_run(home, "discover", "127.0.0.0/29", "--json").stdout)
    told["added"] = _added(home)
    told["again"] = _added(home)
    told["read"] = json.loads(_run(home, "sources", "--json").stdout)
    for server in (second, third):
        server.shutdown()
        server.server_close()
    _bitaxe("127.0.0.5", "03")
    # The /24 around the address is a long search on a loopback, where every address answers.
    path = home / "publisher.toml"
    path.write_text(re.sub(r'(mac = "[^"]*")', r'\1\nnetwork = "127.0.0.0/29"', path.read_text()))
    told["later"] = json.loads(_run(home, "sources", "--json").stdout)
    sys.stdout.write(json.dumps(told))


def _added(home: Path) -> list[str]:
    return re.findall(r"^added (\S+) to ", _run(home, "discover", "127.0.0.0/29", "--add").stderr, re.MULTILINE)


def _run(home: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "rigwatch", "--home", str(home), *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _bitaxe(address: str, end: str) -> ThreadingHTTPServer:
    body = json.dumps({**INFO, "macAddr": f"02:00:00:00:00:{end}"}).encode()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = {"/api/system/info": body, "/": b"<html><title>AxeOS</title></html>"}.get(self.path, b"{}")
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer((address, 80), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


if __name__ == "__main__":
    main()
