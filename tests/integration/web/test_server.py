"""The dashboard on a real port: plain on loopback, TLS anywhere else, one line when it cannot start."""

import asyncio
import contextlib
import http.client
import logging
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from rigwatch.clock import SystemClock
from rigwatch.errors import RigwatchError, StoreError
from rigwatch.home import Home
from rigwatch.settings import DatabaseSettings, ServerSettings, WebSettings
from rigwatch.settings.loader import Secret
from rigwatch.tls import ca_pem, certificate_paths
from store import Store, users
from tests.integration.web.conftest import basic
from tests.ports import free_port, is_listening
from tests.waiting import eventually_async
from web import server
from web.access.guesses import GUESSES
from web.read_ahead import ReadAhead
from web.server import serve
from web.timeouts import TimeoutProtocol


@pytest.fixture
def port(store: Store) -> int:
    """A free one; the store is there, with its user."""
    with store.read() as tx:
        assert users.get(tx, "ada")
    return free_port()


@asynccontextmanager
async def serving(home: Home, web: WebSettings) -> AsyncIterator[asyncio.Event]:
    """A dashboard until the block ends; it ends by itself when the event is set."""
    stop = asyncio.Event()
    task = asyncio.create_task(serve(home, ServerSettings(web=web), clock=SystemClock(), stop=stop))
    try:
        await eventually_async(lambda: task.done() or is_listening(web.port), what="the dashboard listens")
        yield stop
    finally:
        stop.set()
        await task


def own_certificate(place: Home, name: str) -> bytes:
    """Certificate and key in one file, for this name, signed by the authority of `place`."""
    path, _ = certificate_paths(place, [name], SystemClock().now())
    made = path.read_bytes()
    path.unlink()
    return made


def get(connection: http.client.HTTPConnection, path: str = "/") -> http.client.HTTPResponse:
    connection.request("GET", path, headers=basic())
    response = connection.getresponse()
    response.read()
    return response


async def fetch(connection: http.client.HTTPConnection, path: str = "/") -> http.client.HTTPResponse:
    try:
        return await asyncio.to_thread(get, connection, path)
    finally:
        connection.close()


async def test_on_loopback_it_speaks_plain_http_and_names_no_server(home: Home, port: int) -> None:
    async with serving(home, WebSettings(port=port)):
        response = await fetch(http.client.HTTPConnection("127.0.0.1", port))
    assert response.status == 200
    assert response.getheader("Server") is None
    assert response.getheader("Date") is not None
    assert not is_listening(port)


async def test_anywhere_else_it_speaks_tls_with_our_certificate(home: Home, port: int) -> None:
    async with serving(home, WebSettings(host="0.0.0.0", port=port)):
        trusting = ssl.create_default_context(cadata=ca_pem(home))
        response = await fetch(http.client.HTTPSConnection("127.0.0.1", port, context=trusting))
        assert response.status == 200
        with pytest.raises((http.client.HTTPException, OSError)):
            await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
        with pytest.raises(ssl.SSLCertVerificationError):
            await fetch(http.client.HTTPSConnection("127.0.0.1", port))


async def test_tls_can_be_switched_off_for_a_proxy_in_front(home: Home, port: int) -> None:
    async with serving(home, WebSettings(host="0.0.0.0", port=port, tls="off")):
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port))).status == 200


async def test_a_port_that_is_taken_is_one_line(home: Home, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)), pytest.raises(RigwatchError) as caught:
        await serve(home, ServerSettings(web=WebSettings(port=port)), clock=SystemClock(), stop=asyncio.Event())
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1 port {port}: another program has it; choose another for [web] port in server.toml"
    )


async def test_an_address_of_another_machine_is_one_line(home: Home, port: int) -> None:
    with pytest.raises(RigwatchError, match=r"^cannot listen on 192\.0\.2\.1 port \d+: .*\[web\]"):
        await serve(
            home,
            ServerSettings(web=WebSettings(host="192.0.2.1", port=port)),
            clock=SystemClock(),
            stop=asyncio.Event(),
        )


async def test_a_database_that_is_none_is_one_line_and_gives_the_port_back(home: Home, port: int) -> None:
    (home.path / "photo.db").write_bytes(b"\xff\xd8\xff" + b"x" * 5000)
    settings = ServerSettings(web=WebSettings(port=port), database=DatabaseSettings(url=Secret("sqlite:///photo.db")))
    with pytest.raises(StoreError) as caught:
        await serve(home, settings, clock=SystemClock(), stop=asyncio.Event())
    assert "photo.db" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not is_listening(port)


async def test_it_ends_at_once_though_a_browser_keeps_its_connection(home: Home, port: int) -> None:
    async with serving(home, WebSettings(port=port)) as stop:
        idle = http.client.HTTPConnection("127.0.0.1", port)
        await asyncio.to_thread(get, idle, "/")
        stop.set()
        await eventually_async(lambda: not is_listening(port), timeout=4, what="the dashboard has ended")
        idle.close()


async def test_slow_strangers_keep_nobody_waiting(home: Home, port: int) -> None:
    async with serving(home, WebSettings(port=port)):
        strangers = [socket.create_connection(("127.0.0.1", port)) for _ in range(150)]
        for each in strangers:
            each.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
        response = await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
        for each in strangers:
            each.close()
    assert response.status == 200


async def test_slow_bodies_keep_nobody_waiting(home: Home, port: int) -> None:
    begun = (
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    )
    async with serving(home, WebSettings(port=port)):
        senders = [socket.create_connection(("127.0.0.1", port)) for _ in range(60)]
        for number, each in enumerate(senders):
            # Half of them with the password of somebody who may look.
            login = f"Authorization: {basic()['Authorization']}\r\n" if number % 2 else ""
            each.sendall(begun + login.encode() + b"\r\nname=")
        response = await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5))
        for each in senders:
            each.close()
    assert response.status == 200


@pytest.mark.parametrize(
    "header",
    [
        "X-Long: " + "x" * 200_000,
        "\r\n".join(f"X-{each}: {'x' * 500}" for each in range(1000)),
        "Cookie: " + "a=b; " * 50_000,
    ],
    ids=["one long", "many", "a cookie"],
)
async def test_large_headers_are_refused_and_others_are_answered(home: Home, port: int, header: str) -> None:
    async with serving(home, WebSettings(port=port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            writer.write(f"GET / HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n".encode())
            async with asyncio.timeout(5):
                answer = await reader.read()
            assert answer.startswith(b"HTTP/1.1 4")
        writer.close()
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port, timeout=5))).status == 200


async def test_the_users_own_certificate_is_served_and_taken_over_when_replaced(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "_RENEW_S", 0.05)
    elsewhere = Home(home.path / "elsewhere")
    first, second = (own_certificate(elsewhere, name) for name in ("first.example", "second.example"))
    (home.path / "own.pem").write_bytes(first)
    web = WebSettings(host="0.0.0.0", port=port, tls_certificate="own.pem", tls_key="own.pem")
    trusting = ssl.create_default_context(cadata=ca_pem(elsewhere))

    def serves(name: str) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as plain:
                trusting.wrap_socket(plain, server_hostname=name).close()
        except ssl.SSLCertVerificationError:
            return False
        return True

    async with serving(home, web):
        assert await asyncio.to_thread(serves, "first.example")
        assert not await asyncio.to_thread(serves, "second.example")
        (home.path / "own.pem").write_bytes(second)
        await eventually_async(
            lambda: asyncio.to_thread(serves, "second.example"), what="the new certificate is served"
        )


async def test_own_files_that_are_no_certificate_are_one_line(home: Home, port: int) -> None:
    (home.path / "own.pem").write_text("not PEM")
    web = WebSettings(host="0.0.0.0", port=port, tls_certificate="own.pem", tls_key="own.pem")
    with pytest.raises(RigwatchError, match=r"own\.pem: are not a PEM certificate"):
        await serve(home, ServerSettings(web=web), clock=SystemClock(), stop=asyncio.Event())


async def test_a_header_that_only_looks_like_the_proxys_is_ignored(home: Home, port: int) -> None:
    def ask(headers: dict[str, str]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/", headers=headers)
        status = connection.getresponse().status
        connection.close()
        return status

    async with serving(home, WebSettings(port=port, trusted_proxies=("127.0.0.1",))):
        said = {"X-Forwarded-For": "192.0.2.7", "X_Forwarded_For": "203.0.113.1"}
        for _ in range(GUESSES.amount):
            assert await asyncio.to_thread(ask, {**basic(password="wrong"), **said}) == 401
        assert await asyncio.to_thread(ask, {**basic(), "X-Forwarded-For": "192.0.2.7"}) == 429
        assert await asyncio.to_thread(ask, {**basic(), "X-Forwarded-For": "203.0.113.1"}) == 200


async def test_plain_http_for_other_machines_is_warned_about(
    home: Home, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(home, WebSettings(host="0.0.0.0", port=port, tls="off")):
        pass
    assert "dashboard speaks plain HTTP to other machines" in caplog.text


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nX-Slow: ", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nG"])
async def test_a_stranger_who_does_not_come_to_the_point_is_shown_out(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(TimeoutProtocol, "request_s", 0.3)
    async with serving(home, WebSettings(port=port)):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(begun)
        async with asyncio.timeout(4):
            with contextlib.suppress(ConnectionError):
                await reader.read()
        writer.close()


async def test_a_request_that_takes_its_time_to_answer_is_answered(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Checking a password takes longer than this; patience ends with the request, not with its answer.
    monkeypatch.setattr(TimeoutProtocol, "request_s", 0.02)
    async with serving(home, WebSettings(port=port)):
        assert (await fetch(http.client.HTTPConnection("127.0.0.1", port))).status == 200


async def test_a_stranger_who_does_not_speak_http_writes_nothing_into_the_log(
    home: Home, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(home, WebSettings(port=port)):
        caplog.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\x16\x03\x01 this is no request\r\n\r\n")
        assert b"400" in await reader.readline()
        writer.close()
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_it_leaves_the_signals_of_the_process_alone(home: Home, port: int) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    async with serving(home, WebSettings(port=port)):
        assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


async def test_it_says_where_it_listens(home: Home, port: int, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="web"):
        async with serving(home, WebSettings(port=port)):
            pass
    assert f"dashboard listening url=http://127.0.0.1:{port}/" in caplog.text


async def test_the_store_is_closed_after_whatever_reads_ahead(
    home: Home, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order: list[str] = []
    close = Store.close

    def close_store(store: Store) -> None:
        order.append("store")
        close(store)

    monkeypatch.setattr(Store, "close", close_store)
    monkeypatch.setattr(ReadAhead, "close", lambda _ahead: order.append("read ahead"))
    async with serving(home, WebSettings(port=port)):
        assert order == []
    assert order == ["read ahead", "store"]
