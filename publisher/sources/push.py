"""Figures that others bring: a small HTTP server for scripts (JSON) and for what writes to InfluxDB (line protocol), on
a loopback port or a Unix socket. What is not brought again in time is forgotten, so that a script that died is noticed.
"""

import base64
import errno
import http.client
import json
import re
import socket
import socketserver
import threading
from collections.abc import Mapping
from datetime import timedelta
from hmac import compare_digest
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from publisher.sources.answers import Answers
from publisher.sources.mapping import OF_NODES, Chart, amount, reading_of
from publisher.sources.mending import loads, unpacked
from publisher.sources.reading import Reading, SourceError, checked, named
from publisher.sources.source import BlockingSource, Context, SourceSettings, Stale
from publisher.sources.tcp import HostPort
from publisher.sources.unix import unix_connection, unix_server
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.figures import MEASURED
from rigwatch.settings.loader import Secret

BODY_MAX: Final = 256 * 1024
UNIX: Final = "unix:"
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_MEASUREMENT: Final = re.compile(r"((?:[^,\s\\]|\\.)+)(?:,(?:[^\s\\]|\\.)*)?\s+(.*)")
_FIELD: Final = re.compile(r'((?:[^,=\s\\]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,\s]+)')
_INFLUX: Final = "1.8.10"
"""The version that writers are told; some refuse to write to what does not name one."""
_WRITES: Final = ("/write", "/api/v2/write", "/api/v3/write_lp")
_PUSHES: Final = ("/", "/push")
_CONNECTION: Final = 10.0


class PushSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`listen` is host:port or unix:/path. `figures` says which of InfluxDB's fields is which figure, as
    `measurement.field unit`; without it fields count that are called as a sample's figures are.
    """

    listen: Annotated[str, Meta(min_length=1)] = "127.0.0.1:8095"
    token: Secret = Secret("")
    figures: dict[str, str] = field(default_factory=dict)
    stale: Stale = timedelta(minutes=3)

    def __post_init__(self) -> None:
        Chart.of({"figures": self.figures})
        if self.listen.startswith(UNIX):
            if not hasattr(socket, "AF_UNIX"):
                raise ValueError("listen should be host:port; this system has no Unix sockets")
            return
        try:
            host = HostPort.parse(self.listen).host
        except ValueError:
            raise ValueError("listen should look like 127.0.0.1:8095 or unix:/run/rigwatch/push.sock") from None
        if host not in _LOOPBACK and not self.token:
            raise ValueError("token should be set where other machines may push, so that not everybody can")


class PushBoard:
    """What was brought, by figure, each with when."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[str, tuple[Millis, Any]] = {}

    def put(self, reading: Reading, now: Millis) -> None:
        with self._lock:
            for name in MEASURED:
                if (value := getattr(reading, name)) is not None:
                    self._told[name] = (now, value)

    def reading(self, since: Millis) -> Reading | None:
        """Of what came since then; None where nothing did."""
        with self._lock:
            fresh = {name: value for name, (at, value) in self._told.items() if at >= since}
        return Reading(**fresh) if fresh else None


class PushSource(BlockingSource):
    """Listens from its first read on. Where another process listens already, the publisher, it is asked what it has."""

    def __init__(self, settings: PushSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._settings = settings
        self._clock: Clock = context.clock
        self._board = PushBoard()
        self._server: socketserver.BaseServer | None = None

    def read(self) -> Reading:
        if self._server is None:
            try:
                self._server = serve(self._settings, self._board, self._clock)
            except OSError as exc:
                if exc.errno != errno.EADDRINUSE:
                    raise SourceError(f"{self._settings.listen}: cannot listen there ({exc.strerror or exc})") from None
                return self._of_another()
        stale = in_millis(self._settings.stale)
        reading = self._board.reading(self._clock.now() - stale)
        if reading is None:
            raise SourceError(
                f"{self._settings.listen}: nothing was pushed for {self._settings.stale.total_seconds():g} s;"
                " 'rigwatch push --hashrate 61.2MH' does"
            )
        return reading

    def _of_another(self) -> Reading:
        status, body = send(self._settings, "GET", "/", b"")
        if status != http.client.OK:
            raise SourceError(f"{self._settings.listen}: {body.decode(errors='replace').strip()[:200]}")
        return msgspec.json.decode(body, type=Reading)


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


def pushed(body: bytes) -> Reading:
    """The figures of one JSON object, in a sample's names; numbers, or texts with a unit: "61.2MH". Raises SourceError
    that names the figure.
    """
    given = loads(body)
    if not isinstance(given, dict):
        raise SourceError('should be one JSON object, such as {"hashrate": "61.2MH"}')
    told: dict[str, Any] = {}
    for name, value in given.items():
        if name not in MEASURED:
            raise SourceError(f"there is no figure {str(name)[:40]!r}; known: {', '.join(sorted(MEASURED))}")
        try:
            told[name] = amount(value, name) if isinstance(value, str) else value
        except ValueError as exc:
            raise SourceError(str(exc)) from None
    try:
        reading = checked(msgspec.convert(told, Reading, strict=False))
    except msgspec.ValidationError as exc:
        raise SourceError(str(exc)) from None
    if wrong := (*filter(None, [reading.lacks]), *reading.odd):
        raise SourceError(named(wrong))
    return reading


def written(body: bytes, figures: Mapping[str, str]) -> Reading:
    """The figures in lines of InfluxDB's protocol; raises SourceError where there are none."""
    document: dict[str, dict[str, Any]] = {}
    for line in body.decode("utf-8", errors="replace").splitlines():
        if line.startswith("#") or not (parts := _MEASUREMENT.match(line.strip())):
            continue
        fields = document.setdefault(_plain(parts[1]), {})
        fields |= {_plain(name): _field(value) for name, value in _FIELD.findall(parts[2])}
    if not document:
        raise SourceError("not InfluxDB's line protocol: measurement field=value")
    if figures:
        return checked(reading_of(Chart.of({"figures": figures}), document, Answers("what was written")))
    own = {name: f"*.{name}" for name in sorted(OF_NODES - {"miner", "version"})}
    return checked(reading_of(Chart.of({"figures": own}), document, Answers("what was written")))


def send(settings: PushSettings, method: str, path: str, body: bytes) -> tuple[int, bytes]:
    """Status and body of the answer; raises SourceError where nobody listens."""
    connection: http.client.HTTPConnection
    if settings.listen.startswith(UNIX):
        connection = unix_connection(Path(settings.listen.removeprefix(UNIX)), _CONNECTION)
    else:
        endpoint = HostPort.parse(settings.listen)
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=_CONNECTION)
    headers = {"Authorization": f"Bearer {settings.token}"} if settings.token else {}
    try:
        connection.request(method, path, body=body or None, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(BODY_MAX)
    except (OSError, http.client.HTTPException) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise SourceError(
            f"{settings.listen}: {why}; is the publisher running, with a source of kind 'push'?"
        ) from None
    finally:
        connection.close()


class _Handler(BaseHTTPRequestHandler):
    """One request; nothing that a stranger sends is kept or logged but the figures."""

    settings: PushSettings
    board: PushBoard
    clock: Clock
    timeout = _CONNECTION
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


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _field(text: str) -> object:
    if text.startswith('"'):
        return _plain(text[1:-1])
    if text.lower() in ("t", "true", "f", "false"):
        return text.lower().startswith("t")
    return text.rstrip("iu")
