"""ASICs that answer as their firmware does, each with an address and a MAC of its own; `python -m tests.asics` runs
them in a network namespace.

Where the shapes are from: Bitmain's `get_system_info.cgi` and its API on port 4028 (public answers of an S19 Pro, in
the fixtures `told`), MicroBT's API 1.1 (`get_version`, `get_miner_info`), Braiins' BOSminer and Hashaltcoin's
Blackminer (the same fixtures), and AxeOS' `/api/system/info` (ESP-Miner, NerdQAxe). Hardware numbers are made up.
"""

import json
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any, Final

_TOLD: Final = Path(__file__).parent / "fixtures" / "miners" / "told"
_REFUSED: Final = (
    b'{"STATUS":[{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command","Description":"cgminer"}],"id":1}'
)
_ANTMINER: Final = "cgminer-antminer-s19-pro-temperature-only-in-stats"
_WHATSMINER: Final = "cgminer-whatsminer-power-and-temperature-in-summary"
_BOSMINER: Final = "cgminer-bosminer-temperature-in-temps"
_BLACKMINER: Final = "cgminer-blackminer-f1-counts-as-padded-text"


@dataclass(frozen=True, slots=True)
class Asic:
    """`commands` are answered on port 4028, `pages` on port 80; `login` is the realm that its pages ask for."""

    commands: Mapping[str, bytes] = field(default_factory=dict)
    pages: Mapping[str, bytes] = field(default_factory=dict)
    login: str = ""


def _told(case: str, *names: str) -> dict[str, bytes]:
    return {name: (_TOLD / case / f"{name}.bin").read_bytes() for name in names}


def _plain(**answer: object) -> bytes:
    return json.dumps(answer).encode()


def _section(name: str, **content: object) -> bytes:
    return _plain(STATUS=[{"STATUS": "S", "When": 1, "Msg": name, "Description": "cgminer"}], **{name: [content]}, id=1)


def antminer(mac: str) -> Asic:
    info = _plain(
        minertype="Antminer S19 Pro", nettype="DHCP", macaddr=mac, hostname="antMiner", firmware_type="Release",
        system_filesystem_version="Thu Jun 9 13:06:22 CST 2022", Algorithm="sha256d", serinum="X",
    )  # fmt: skip
    version = _section("VERSION", BMMiner="1.0.0", API="3.1", Miner="uart_trans.1.3", Type="Antminer S19 Pro")
    return Asic(
        {"version": version, **_told(_ANTMINER, "stats", "summary", "pools", "devs")},
        {"/cgi-bin/get_system_info.cgi": info},
        login="antMiner Configuration",
    )


def whatsminer(mac: str) -> Asic:
    details = _section("DEVDETAILS", DEVDETAILS=0, Name="SM", ID=0, Driver="bitmicro", Model="M30S+_VE30")
    version = _plain(STATUS="S", When=1, Code=131, Msg={"api_ver": "whatsminer v1.1", "fw_ver": "20210322.22.REL"})
    info = _plain(STATUS="S", When=1, Code=131, Msg={"ip": "192.0.2.1", "hostname": "WhatsMiner", "mac": mac})
    own = _told(_WHATSMINER, "summary", "pools", "devs", "edevs")
    # The MAC stands in the answer to `summary` as well.
    own["summary"] = own["summary"].replace(b"02:00:00:00:00:01", mac.upper().encode())
    return Asic({"devdetails": details, "get_version": version, "get_miner_info": info, **own})


def bosminer(_mac: str) -> Asic:
    return Asic(_told(_BOSMINER, "summary", "pools", "devs", "temps", "fans"))


def blackminer(_mac: str) -> Asic:
    return Asic(_told(_BLACKMINER, "summary", "pools", "devs"))


def bitaxe(mac: str) -> Asic:
    return _axe(
        mac, ASICModel="BM1370", boardVersion="601", hostname="bitaxe", version="v2.6.0", hashRate=1187.6, temp=61.5,
        expectedHashrate=1224, power=18.6, fanspeed=45, fanrpm=4200, asicCount=1, smallCoreCount=2040,
        sharesAccepted=1234, sharesRejected=5, frequency=600, voltage=5187.5, vrTemp=57,
    )  # fmt: skip


def nerdqaxe(mac: str) -> Asic:
    return _axe(
        mac, deviceModel="NerdQAxe++", hostname="nerdqaxe", version="v1.0.30", hashRate=4756.3, temp=54.75,
        power=78.25, fanspeed=62, fanrpm=1924, asicCount=4, smallCoreCount=2040, sharesAccepted=348, sharesRejected=1,
    )  # fmt: skip


def _axe(mac: str, **figures: object) -> Asic:
    info = {"macAddr": mac.upper(), "stratumURL": "pool.example", "stratumPort": 3333, "uptimeSeconds": 2137, **figures}
    return Asic(pages={"/api/system/info": _plain(**info), "/": b"<title>AxeOS</title>"})


FAMILIES: Final = {
    "antminer": antminer,
    "whatsminer": whatsminer,
    "bosminer": bosminer,
    "blackminer": blackminer,
    "bitaxe": bitaxe,
    "nerdqaxe": nerdqaxe,
}


def serve(asic: Asic, address: str) -> None:
    """On its usual ports of an address, in threads that end with the process."""
    if asic.commands:
        api = ThreadingTCPServer((address, 4028), _api(asic), bind_and_activate=False)
        api.allow_reuse_address = api.daemon_threads = True
        api.server_bind()
        api.server_activate()
        threading.Thread(target=api.serve_forever, daemon=True).start()
    if asic.pages:
        web = ThreadingHTTPServer((address, 80), _pages(asic))
        web.daemon_threads = True
        threading.Thread(target=web.serve_forever, daemon=True).start()


def _api(asic: Asic) -> type[BaseRequestHandler]:
    class Api(BaseRequestHandler):
        def handle(self) -> None:
            asked: Any = json.loads(self.request.recv(65536).strip(b"\0\n ") or b"{}")
            self.request.sendall(asic.commands.get(asked.get("command", ""), _REFUSED))

    return Api


def _pages(asic: Asic) -> type[BaseHTTPRequestHandler]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if asic.login and "Authorization" not in self.headers:
                challenge = f'Digest realm="{asic.login}", nonce="1", algorithm=MD5, qop="auth"'
                self._answer(401, b"", {"WWW-Authenticate": challenge})
            elif self.path in asic.pages:
                self._answer(200, asic.pages[self.path], {})
            else:
                self._answer(404, b"", {})

        def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    return Pages


def main() -> None:
    """Serves `FAMILY ADDRESS MAC` for each line of standard input until that ends; says when all are there."""
    for line in sys.stdin:
        if not line.strip():
            print("all there", flush=True)  # noqa: T201 - for whoever started it
            continue
        family, address, mac = line.split()
        serve(FAMILIES[family](mac), address)


if __name__ == "__main__":
    main()
