"""Servers that answer as some miner would, over HTTP or plain TCP: well, badly, slowly or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(slots=True)
class MinerServer:
    """`answers` has a status and a body for each path; `asked` and `headers` what was asked, oldest first."""

    answers: dict[str, tuple[int, bytes]]
    port: int = 0
    asked: list[tuple[str, bytes]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def miner_server(bodies: Mapping[str, bytes]) -> Iterator[MinerServer]:
    """Runs on a free port until the block ends; other paths are not found."""
    server = MinerServer({path: (200, body) for path, body in bodies.items()})

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["Content-Length"])))

        def _answer(self, asked: bytes) -> None:
            server.asked.append((self.path, asked))
            server.headers.append(dict(self.headers.items()))
            status, body = server.answers.get(self.path, (404, b"no such page"))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()


@contextmanager
def tcp_server(serve: Callable[[socket.socket, bytes], object]) -> Iterator[int]:
    """Accepts connections on a free port; `serve` gets each with the first bytes that came over it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    try:
                        serve(connection, connection.recv(65536))
                    except OSError:
                        continue

        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            # Closing alone does not wake who waits for a connection.
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)
