"""Figures that others bring: a small HTTP server for scripts (JSON) and for what writes to InfluxDB (line protocol), on
a loopback port or a Unix socket. What is not brought again in time is forgotten, so that a script that died is noticed.
"""

import errno
import http.client
import re
import socket
import threading
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta, field

from publisher.sources.answers import Answers
from publisher.sources.mapping import OF_NODES, Chart, amount, reading_of
from publisher.sources.mending import loads
from publisher.sources.reading import Reading, SourceError, checked, named
from publisher.sources.source import BlockingSource, Context, SourceSettings, Stale
from publisher.sources.tcp import HostPort
from publisher.sources.unix import unix_connection
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.figures import MEASURED
from rigwatch.settings.loader import Secret

if TYPE_CHECKING:
    from socketserver import BaseServer

BODY_MAX: Final = 256 * 1024
UNIX: Final = "unix:"
_LOOPBACK: Final = frozenset(("127.0.0.1", "localhost", "::1"))
_MEASUREMENT: Final = re.compile(r"((?:[^,\s\\]|\\.)+)(?:,(?:[^\s\\]|\\.)*)?\s+(.*)")
_FIELD: Final = re.compile(r'((?:[^,=\s\\]|\\.)+)=("(?:[^"\\]|\\.)*"|[^,\s]+)')
CONNECTION: Final = 10.0


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
        self._server: BaseServer | None = None

    def read(self) -> Reading:
        if self._server is None:
            from publisher.sources.push_server import serve  # noqa: PLC0415 - half a megabyte, which few rigs need

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
        connection = unix_connection(Path(settings.listen.removeprefix(UNIX)), CONNECTION)
    else:
        endpoint = HostPort.parse(settings.listen)
        connection = http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=CONNECTION)
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


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def _field(text: str) -> object:
    if text.startswith('"'):
        return _plain(text[1:-1])
    if text.lower() in ("t", "true", "f", "false"):
        return text.lower().startswith("t")
    return text.rstrip("iu")
