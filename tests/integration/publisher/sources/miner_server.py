"""Servers that answer as some miner would, over HTTP or plain TCP: well, badly, slowly or not at all."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.integration.publisher.sources.http_server import http_server


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

    def answer(path: str, asked: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        server.asked.append((path, asked))
        server.headers.append(dict(headers))
        return server.answers.get(path, (404, b"no such page"))

    with http_server(answer) as server.port:
        yield server


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
