"""Serves the dashboard: uvicorn with a2wsgi inside our own loop, over TLS wherever another machine could listen in."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Generator
from functools import partial
from pathlib import Path
from typing import Final, cast

import uvicorn
from a2wsgi import WSGIMiddleware
from a2wsgi.wsgi_typing import WSGIApp
from uvicorn._types import ASGI3Application, ASGIReceiveCallable, ASGISendCallable, Scope

from rigwatch.address import is_loopback, serves_tls, web_url
from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.listening import bind
from rigwatch.process import raise_file_limit, ready
from rigwatch.settings import ServerSettings
from rigwatch.tls import certificate_paths, context_of, load_into
from store import open_store
from web.access.proxy import trusts
from web.admin.background import Background
from web.app import create_app
from web.door import Door
from web.renewing import RenewingApp
from web.timeouts import TimeoutProtocol

log = logging.getLogger(__name__)

_THREADS: Final = 8
_FINISH_S: Final = 5
_RENEW_S: Final = 60.0


async def serve(
    home: Home,
    settings: ServerSettings,
    *,
    clock: Clock,
    stop: asyncio.Event,
    layers: ServerLayers | None = None,
) -> None:
    """Serves until `stop`, then lets requests that are running finish. `layers` is where the settings come from, which
    are followed; None: they stay as they are.

    Raises `RigwatchError` at the start when the port is taken or the certificate unusable, `StoreError` when the
    database is.
    """
    web = settings.web
    raise_file_limit()
    with contextlib.closing(bind(web.host, web.port, setting="[web] port")) as listening:
        certificate = _Certificate(home, settings)
        context = context_of(*certificate.paths(clock.now())) if serves_tls(web) else None
        if context is None and not is_loopback(web.host):
            log.warning("dashboard speaks plain HTTP to other machines, as tls = 'off' says host=%s", web.host)
        store = await asyncio.to_thread(open_store, settings.database.url, home)
        with contextlib.closing(store), contextlib.closing(Background(home, clock)) as background:
            make = partial(create_app, store=store, clock=clock, home=home, layers=layers, background=background)
            followed = RenewingApp(settings, store, layers=layers, clock=clock, make=make) if layers else make(settings)
            app = cast("WSGIApp", followed)
            server = _Server(_config(app), context, clock, is_proxy=trusts(web.trusted_proxies))
            async with _certificate_kept(context, certificate, clock):
                log.info("dashboard listening url=%s", web_url(web))
                ready()
                await _until(stop, server, listening)


class _Server(uvicorn.Server):
    """uvicorn's server behind a door of our own, which alone knows who has come, and without its signal handlers: the
    process has its own, and they set `stop`."""

    def __init__(
        self, config: uvicorn.Config, context: ssl.SSLContext | None, clock: Clock, *, is_proxy: Callable[[str], bool]
    ) -> None:
        super().__init__(config)
        self._door = Door(self._protocol, context, clock, is_exempt=is_proxy)
        self._accepting: list[asyncio.Task[None]] = []

    def _protocol(self) -> TimeoutProtocol:
        return TimeoutProtocol(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self._accepting = [asyncio.create_task(self._door.serve(each), name="dashboard door") for each in sockets or []]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for each in self._accepting:
            each.cancel()
        await asyncio.gather(*self._accepting, return_exceptions=True)
        await super().shutdown(sockets=sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def _until(stop: asyncio.Event, server: uvicorn.Server, listening: socket.socket) -> None:
    serving = asyncio.create_task(server.serve(sockets=[listening]), name="dashboard")
    try:
        await first_of(serving, stop.wait())
    finally:
        server.should_exit = True
        await serving


def _config(app: WSGIApp) -> uvicorn.Config:
    return uvicorn.Config(
        _strict(cast("ASGI3Application", WSGIMiddleware(app, workers=_THREADS))),
        interface="asgi3",
        http=TimeoutProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        # Its warnings are about what strangers send, one line each time: they could fill the disk.
        log_level=logging.ERROR,
        access_log=False,
        server_header=False,
        # Whose X-Forwarded-For is believed, the application decides by the settings (web/access/proxy.py).
        proxy_headers=False,
        timeout_graceful_shutdown=_FINISH_S,
    )


def _strict(app: ASGI3Application) -> ASGI3Application:
    """Drops headers with an underscore in their name: WSGI would take anybody's X_Forwarded_For for X-Forwarded-For.

    Two lengths for one body are refused, and the connection ends: a proxy in front may have believed the other one, and
    what it took for the body would be the next request here.
    """

    async def served(scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] == "http":
            scope["headers"] = [(name, value) for name, value in scope["headers"] if b"_" not in name]
            if {b"content-length", b"transfer-encoding"} <= {name for name, _ in scope["headers"]}:
                headers = [(b"content-type", b"text/plain"), (b"connection", b"close")]
                await send({"type": "http.response.start", "status": 400, "headers": headers, "trailers": False})
                body = b"Content-Length and Transfer-Encoding do not go together."
                await send({"type": "http.response.body", "body": body, "more_body": False})
                return
        await app(scope, receive, send)

    return served


class _Certificate:
    """The user's own files where the settings name them, else ours, made or renewed when asked for."""

    def __init__(self, home: Home, settings: ServerSettings) -> None:
        self._home = home
        self._web = settings.web
        # What it must name besides this machine: what people are told to open.
        self._names = [name for name in (settings.broker.advertise,) if name]

    def paths(self, now: Millis) -> tuple[Path, Path]:
        """Certificate and key; raises `RigwatchError`."""
        if self._web.tls_certificate:
            return self._home.path / self._web.tls_certificate, self._home.path / self._web.tls_key
        return certificate_paths(self._home, self._names, now)


@contextlib.asynccontextmanager
async def _certificate_kept(
    context: ssl.SSLContext | None, certificate: _Certificate, clock: Clock
) -> AsyncIterator[None]:
    """Meanwhile looks at the certificate again and again: a dashboard may run for longer than one is valid."""
    if context is None:
        yield
        return
    renewing = asyncio.create_task(_renew(context, certificate, clock), name="dashboard certificate")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(context: ssl.SSLContext, certificate: _Certificate, clock: Clock) -> None:
    failed = False
    while True:
        await clock.sleep(_RENEW_S)
        try:
            load_into(context, *certificate.paths(clock.now()))
            failed = False
        except RigwatchError as exc:
            # The old certificate is still served, and in ten minutes is another try.
            if not failed:
                log.warning("certificate not renewed why=%s", exc)
            failed = True
