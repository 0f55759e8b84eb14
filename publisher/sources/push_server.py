"""What listens for pushed figures. By itself, since few rigs have it and its library costs each of them memory."""

import base64
import json
import socketserver
import threading
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final

import msgspec

from publisher.sources.mending import unpacked
from publisher.sources.push import BODY_MAX, CONNECTION, UNIX, PushBoard, PushSettings, pushed, written
from publisher.sources.reading import SourceError
from publisher.sources.tcp import HostPort
from publisher.sources.unix import unix_server
from rigwatch.clock import Clock, in_millis

_INFLUX: Final = "1.8.10"
"""The version that writers are told; some refuse to write to what does not name one."""
_WRITES: Final = ("/write", "/api/v2/write", "/api/v3/write_lp")
_PUSHES: Final = ("/", "/push")


def serve(settings: PushSettings, board: PushBoard, clock: Clock) -> socketserver.BaseServer:
    """A server in threads of its own, for as long as the process lives; raises OSError."""
    bound = type("Bound", (_Handler,), {"settings": settings, "board": board, "clock": clock})
    if settings.listen.startswith(UNIX):
        server = unix_server(Path(settings.listen.removeprefix(UNIX)), bound)
    else:
        endpoint = HostPort.parse(settings.listen)
        server = _TcpServer((endpoint.host, endpoint.port), bound)
    threading.Thread(target=server.serve_forever, name=f"push {settings.listen}", daemon=True).start()
    return server


class _Handler(BaseHTTPRequestHandler):
    """One request; nothing that a stranger sends is kept or logged but the figures."""

    settings: PushSettings
    board: PushBoard
    clock: Clock
    timeout = CONNECTION
    protocol_version = "HTTP/1.1"
    server_version = "rigwatch"
    sys_version = ""

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        if path == "/ping":
            self._answer(204)
        elif path == "/health":
            self._answer(200, json.dumps({"name": "influxdb", "status": "pass", "version": _INFLUX}).encode())
        elif path == "/" and self._may():
            stale = in_millis(self.settings.stale)
            reading = self.board.reading(self.clock.now() - stale)
            known = msgspec.json.encode(reading) if reading is not None else b"nothing was pushed yet"
            self._answer(200 if reading is not None else 503, known)
        elif path != "/":
            self._answer(404, b"no such address")

    def do_HEAD(self) -> None:
        self._answer(204 if self.path.startswith("/ping") else 404)

    def do_POST(self) -> None:
        path = self.path.partition("?")[0]
        body = self._body()
        if body is None or not self._may():
            return
        if path == "/query":
            # CREATE DATABASE: there is one, and it is here.
            self._answer(200, b'{"results":[{"statement_id":0}]}')
            return
        if path not in (*_WRITES, *_PUSHES):
            self._answer(404, b"no such address")
            return
        try:
            reading = pushed(body) if path in _PUSHES else written(body, self.settings.figures)
        except SourceError as exc:
            self._answer(400, f"{exc}\n".encode())
            return
        self.board.put(reading, self.clock.now())
        self._answer(204)

    def _body(self) -> bytes | None:
        """None, and answered, where it is larger than anybody's figures."""
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > BODY_MAX:
            self.close_connection = True
            self._answer(413 if length.isdecimal() else 411, b"a body of at most 256 KiB, with its length\n")
            return None
        try:
            return unpacked(self.rfile.read(int(length)))
        except SourceError:
            self._answer(400, b"compressed and damaged\n")
            return None

    def _may(self) -> bool:
        """Whether the token is right, as a bearer's, InfluxDB's, or a password."""
        wanted = str(self.settings.token)
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "basic":
            try:
                given = base64.b64decode(given, validate=True).decode().partition(":")[2]
            except ValueError:
                given = ""
        if not wanted or compare_digest(given.strip().encode(), wanted.encode()):
            return True
        self._answer(401, b"the token is not the one of the settings\n")
        return False

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        self.send_header("X-Influxdb-Version", _INFLUX)
        if status != 204:
            self.send_header("Content-Type", "application/json" if body.startswith(b"{") else "text/plain")
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204 and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing: a line for each push would fill the log."""

    def address_string(self) -> str:
        return "local"


class _TcpServer(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
