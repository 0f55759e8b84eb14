"""Whoever takes its answer slowly gets it; whoever does not take it keeps no place."""

import asyncio
import contextlib
import re
import select
import socket
from collections.abc import Iterator

import psutil
import pytest

from rigwatch.home import Home
from rigwatch.listening import bind
from rigwatch.settings import WebSettings
from store import Store
from tests.integration.web.conftest import basic
from tests.integration.web.test_server import serving
from tests.ports import free_port
from tests.rigs import birth, rig
from tests.waiting import eventually_async
from web.timeouts import TimeoutProtocol


@pytest.fixture
def port(store: Store) -> int:
    """Of a dashboard that has much to say, and little patience."""
    store.take([rig(f"rig{number}").heard(birth()) for number in range(1800)])
    return free_port()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimeoutProtocol, "take_s", 0.2)
    monkeypatch.setattr(TimeoutProtocol, "request_s", 0.2)


@contextlib.contextmanager
def tiny_buffers() -> Iterator[None]:
    """The system keeps next to nothing of an answer, so that it waits in the dashboard."""
    with pytest.MonkeyPatch.context() as patch:

        def small(host: str, port: int, *, setting: str) -> socket.socket:
            listening = bind(host, port, setting=setting)
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            return listening

        patch.setattr("web.server.bind", small)
        yield


def asking(port: int, path: str) -> socket.socket:
    """A client that has asked, and has room for little of the answer."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", port))
    login = basic()["Authorization"]
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\n\r\n".encode())
    return client


def held(port: int) -> int:
    """Connections that the dashboard has open."""
    every = psutil.Process().net_connections("tcp")
    return sum(each.laddr.port == port and each.status == psutil.CONN_ESTABLISHED for each in every)


def read_slowly(client: socket.socket, *, pauses: int) -> tuple[int, int]:
    """How much came of the body, and how long it was to be; between the first pieces it takes its time."""
    answer = bytearray()
    client.settimeout(10)
    with contextlib.suppress(ConnectionError):
        while not _is_whole(answer) and (piece := client.recv(4096)):
            answer += piece
            if pauses:
                pauses -= 1
                select.select([], [], [], 0.05)
    head, _, body = answer.partition(b"\r\n\r\n")
    return len(body), _length(head)


def _is_whole(answer: bytearray) -> bool:
    head, ended, body = answer.partition(b"\r\n\r\n")
    return bool(ended) and len(body) >= _length(head)


def _length(head: bytearray) -> int:
    found = re.search(rb"(?i)content-length: (\d+)", head)
    assert found
    return int(found[1])


async def test_who_does_not_read_its_answer_is_shown_out(home: Home, port: int) -> None:
    with tiny_buffers():
        async with serving(home, WebSettings(port=port)):
            client = await asyncio.to_thread(asking, port, "/metrics")
            await eventually_async(lambda: held(port), what="the request is there")
            await eventually_async(lambda: not held(port), timeout=5, what="the connection was cut")
            client.close()


async def test_who_reads_slowly_gets_all_of_it(home: Home, port: int) -> None:
    with tiny_buffers():
        async with serving(home, WebSettings(port=port)):
            client = await asyncio.to_thread(asking, port, "/metrics")
            came, length = await asyncio.to_thread(read_slowly, client, pauses=20)
            client.close()
    assert came == length > 200_000
