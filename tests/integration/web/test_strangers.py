"""Strangers at the dashboard's door: who only connects, who says two things at once, and who guesses."""

import asyncio
import contextlib
import http.client
import socket
import ssl
from collections import Counter
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from flask.testing import FlaskClient
from werkzeug.security import check_password_hash, generate_password_hash

from alerts.facts import User, UserRole
from rigwatch.home import Home
from rigwatch.process import raise_file_limit
from rigwatch.settings import WebSettings
from rigwatch.tls import ca_pem
from store import Store, users
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import PASSWORD, basic
from tests.integration.web.test_server import fetch, serving
from tests.ports import free_port
from tests.waiting import eventually_async
from web.access import passwords
from web.access.guesses import GUESSES
from web.access.passwords import REMEMBERED_S
from web.door import CONNECTIONS, PER_ADDRESS
from web.timeouts import TimeoutProtocol


@pytest.fixture
def port(store: Store) -> int:
    with store.read() as tx:
        assert users.get(tx, "ada")
    return free_port()


@contextlib.asynccontextmanager
async def silent(port: int, sources: dict[str, int]) -> AsyncIterator[list[socket.socket]]:
    """So many sockets from each address, of which nothing comes."""
    raise_file_limit()
    loop, opened = asyncio.get_running_loop(), []
    try:
        for source, count in sources.items():
            for _ in range(count):
                made = socket.socket()
                opened.append(made)
                made.setblocking(False)
                made.bind((source, 0))
                await loop.sock_connect(made, ("127.0.0.1", port))
        yield opened
    finally:
        for made in opened:
            made.close()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Gets the passwords that are checked in earnest from now on."""
    checked: list[str] = []

    def counting(stored: str, password: str) -> bool:
        checked.append(password)
        return check_password_hash(stored, password)

    monkeypatch.setattr(passwords, "check_password_hash", counting)
    return checked


def is_closed(sock: socket.socket) -> bool:
    try:
        return sock.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionError:
        return True


MANY = {f"127.0.1.{number}": 100 for number in range(1, 25)}


@pytest.mark.parametrize("sources", [{"127.0.0.1": 2100}, MANY], ids=["one address", "many"])
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_two_thousand_silent_sockets_keep_nobody_out(
    home: Home, port: int, sources: dict[str, int], *, tls: bool
) -> None:
    web = WebSettings(host="0.0.0.0" if tls else "127.0.0.1", port=port)
    async with serving(home, web), silent(port, sources) as strangers:
        if tls:
            trusting = ssl.create_default_context(cadata=ca_pem(home))
            asking: http.client.HTTPConnection = http.client.HTTPSConnection(
                "127.0.0.1", port, context=trusting, timeout=20
            )
        else:
            asking = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        assert (await fetch(asking)).status == 200
        most = min(CONNECTIONS, PER_ADDRESS * len(sources))
        await eventually_async(
            lambda: sum(not is_closed(each) for each in strangers) <= most, what="the oldest have made room"
        )
        # The newest are those that are left.
        assert is_closed(strangers[0])


async def test_who_is_being_answered_makes_no_room_for_strangers(home: Home, port: int) -> None:
    begun = b"POST /admin/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\nContent-Type: application/json\r\n"
    login = f"Authorization: {basic()['Authorization']}\r\n\r\n".encode()
    async with serving(home, WebSettings(port=port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        # Nothing is answered before the whole of it is there: the form is read for its proof.
        writer.write(begun.replace(b"application/json", b"application/x-www-form-urlencoded") + login)
        await writer.drain()
        async with silent(port, {"127.0.0.1": 2 * PER_ADDRESS}):
            writer.write(b"a" * 90)
            async with asyncio.timeout(20):
                assert (await reader.readline()).startswith(b"HTTP/1.1 4")
        writer.close()


async def test_a_trusted_proxy_speaks_for_many(home: Home, port: int) -> None:
    web = WebSettings(port=port, trusted_proxies=("127.0.0.0/8",))
    async with serving(home, web), silent(port, {"127.0.0.1": 3 * PER_ADDRESS}) as kept:
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=20))).status == 200
        assert not [each for each in kept if is_closed(each)]


async def test_a_body_that_comes_drop_by_drop_is_cut(
    home: Home, port: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimeoutProtocol, "body_s", 0.5)
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, generate_password_hash(PASSWORD, "scrypt:1024:8:1")), START)
    async with serving(home, WebSettings(port=port)):
        senders = [await asyncio.open_connection("127.0.0.1", port) for _ in range(12)]
        for _, writer in senders:
            writer.write(
                b"POST /admin/nodes HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n"
                b"Content-Type: application/x-www-form-urlencoded\r\n"
                b"Authorization: " + basic("root")["Authorization"].encode() + b"\r\n\r\nname="
            )
        # More of them than there are threads; and each is let go.
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=20))).status == 200
        async with asyncio.timeout(20):
            for reader, writer in senders:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                writer.close()


@pytest.mark.parametrize("encoding", [b"chunked", b"Chunked"])
@pytest.mark.parametrize("first", [b"Content-Length: 6\r\n", b""])
async def test_two_lengths_for_one_body_are_refused_and_nothing_after_them_is_heard(
    home: Home, port: int, encoding: bytes, first: bytes
) -> None:
    after = b"" if first else b"Content-Length: 6\r\n"
    hidden = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    async with serving(home, WebSettings(port=port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(
            b"POST /healthz HTTP/1.1\r\nHost: x\r\n" + first + b"Transfer-Encoding: " + encoding + b"\r\n" + after
            + b"\r\n0\r\n\r\n" + hidden
        )  # fmt: skip
        async with asyncio.timeout(20):
            answer = await reader.read()
        writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer.lower()


async def test_of_sixty_guesses_at_once_no_more_than_ten_are_checked(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked = counted(monkeypatch)

    def guess(number: int) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/", headers=basic(password=f"guess {number}"))
        status = connection.getresponse().status
        connection.close()
        return status

    async with serving(home, WebSettings(port=port)):
        with ThreadPoolExecutor(60) as threads:
            asking = [asyncio.wrap_future(threads.submit(guess, number)) for number in range(60)]
            statuses = Counter(await asyncio.gather(*asking))
    assert len(checked) <= GUESSES.amount
    assert set(statuses) <= {401, 429}
    assert statuses[429] >= 60 - GUESSES.amount


def test_who_was_logged_in_is_let_in_beside_guesses_from_the_same_address(
    stranger: FlaskClient, clock: FakeClock
) -> None:
    assert stranger.get("/", headers=basic()).status_code == 200
    clock.move(REMEMBERED_S + 1)
    for _ in range(GUESSES.amount):
        assert stranger.get("/", headers=basic(password="wrong")).status_code == 401
    assert stranger.get("/", headers=basic(password="wrong")).status_code == 429
    assert stranger.get("/", headers=basic()).status_code == 200


def test_guesses_at_one_account_leave_the_others_alone(stranger: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("bob", UserRole.VIEWER, generate_password_hash("battery", "scrypt:1024:8:1")), START)
    for _ in range(GUESSES.amount + 5):
        stranger.get("/", headers=basic(password="wrong"))
    assert stranger.get("/", headers=basic()).status_code == 429
    assert stranger.get("/", headers=basic("bob", "battery")).status_code == 200


async def test_guesses_of_sockets_that_are_gone_are_not_checked(
    home: Home, port: int, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each as dear as a real one, so that most are still waiting when their sockets go.
    with store.write() as tx:
        users.add(tx, User("slow", UserRole.VIEWER, generate_password_hash("battery", "scrypt:32768:8:4")), START)
    checked = counted(monkeypatch)
    async with serving(home, WebSettings(port=port)):
        for number in range(1, 40):
            made = socket.socket()
            made.bind((f"127.0.2.{number}", 0))
            made.connect(("127.0.0.1", port))
            login = basic("slow", f"gone {number}")["Authorization"]
            made.sendall(f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {login}\r\n\r\n".encode())
            made.close()
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=20))).status == 200
    assert len([each for each in checked if each.startswith("gone")]) <= 6
