"""A web server that plays a channel's other side: it keeps what it gets, and answers as it is told."""

import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Delivery:
    """A request: when it came (`time.time()`), where to, and its JSON; `well`: it was answered as a channel does."""

    at: float
    path: str
    body: dict[str, Any]
    well: bool = True

    @property
    def title(self) -> str:
        return str(self.body.get("title", ""))


@dataclass(slots=True)
class Webhook:
    """`status` is what is answered, or `raw` as it is, where that is set; `hold` is waited on first, where one is."""

    host: str = "127.0.0.1"
    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: bytes = b"{}"
    raw: bytes | None = None
    hold: threading.Event | None = None
    deliveries: list[Delivery] = field(default_factory=list)

    @property
    def url(self) -> str:
        """As an Apprise address."""
        return f"json://{self.host}:{self.port}/hook"

    @property
    def titles(self) -> list[str]:
        return [each.title for each in self.deliveries]


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hook = self.server.hook
        well = hook.raw is None and hook.status < 300
        hook.deliveries.append(Delivery(time.time(), self.path, json.loads(raw or b"{}"), well))
        if hook.hold is not None:
            hook.hold.wait(30)
        if hook.raw is not None:
            self.wfile.write(hook.raw)
            self.close_connection = True
            return
        self.send_response(hook.status)
        for name, value in hook.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(hook.answer)))
        self.end_headers()
        self.wfile.write(hook.answer)

    do_GET = do_POST  # noqa: N815 - the base class's name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: what came is kept."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, hook: Webhook, host: str) -> None:
        super().__init__((host, 0), _Handler)
        self.hook = hook

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is what some tests are about."""


@contextmanager
def webhook(tls: ssl.SSLContext | None = None, *, host: str = "127.0.0.1") -> Iterator[Webhook]:
    """Listens while the block runs."""
    hook = Webhook(host)
    server = _Server(hook, host)
    if tls is not None:
        # The handshake belongs to the thread of the client: one that refuses it must not keep others out.
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    hook.port = int(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        if hook.hold is not None:
            hook.hold.set()
        server.shutdown()
        server.server_close()
        thread.join()
