import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest

from publisher.sources.jsonrpc import ASK_AGAIN, JsonRpcSettings, JsonRpcSource, Method
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import Context
from rigwatch.settings.loader import Secret
from rigwatch.topics import NodeId
from tests.chains import ChainClient
from tests.fake_clock import FakeClock
from tests.integration.publisher.sources.chain_server import chain_server, geth
from tests.ports import free_port

FIGURES = {
    "net_peerCount": "0x19",
    "eth_blockNumber": "0x4b7",
    "eth_hashrate": "0x1fbb",
    "eth_mining": True,
    "eth_syncing": False,
    "eth_getBlockByNumber": {"number": "0x4b7", "hash": "0xabc"},
}
ALL = Reading(peers=25, block=1207, block_hash="0xabc", hashrate=8123, syncing=False)


def _source(url: str, *, clock: FakeClock | None = None, timeout: float = 5.0) -> JsonRpcSource:
    settings = JsonRpcSettings(url=Secret(url), timeout=timedelta(seconds=timeout))
    return JsonRpcSource(settings, Context(NodeId("main", "rig07"), clock or FakeClock()))


def _without(*methods: str) -> dict[str, object]:
    return {name: value for name, value in FIGURES.items() if name not in methods}


def test_it_asks_everything_in_one_request() -> None:
    with chain_server(geth(FIGURES)) as server:
        assert _source(server.url).read() == ALL
        assert len(server.asked) == 1
        assert server.headers[0]["Content-Type"] == "application/json"


def test_it_asks_one_by_one_where_batches_are_not_taken_and_remembers_it() -> None:
    with chain_server(geth(FIGURES, batches=False)) as server:
        source = _source(server.url)
        assert source.read() == ALL
        assert source.read() == ALL
        assert [isinstance(body, list) for body in server.asked] == [True] + [False] * 12


def test_it_asks_one_by_one_where_a_batch_is_a_bad_request() -> None:
    single = geth(FIGURES)
    with chain_server(lambda body: (400, b"") if isinstance(body, list) else single(body)) as server:
        assert _source(server.url).read() == ALL


def test_a_batch_that_failed_for_another_reason_is_tried_as_a_batch_again() -> None:
    with chain_server(lambda _: (503, b"")) as server:
        source = _source(server.url)
        with pytest.raises(SourceError):
            source.read()
        server.answer = geth(FIGURES)
        server.asked.clear()
        assert source.read() == ALL
        assert len(server.asked) == 1


def test_a_method_that_is_not_offered_is_absent_and_not_asked_for_again_for_an_hour() -> None:
    clock = FakeClock()
    with chain_server(geth(_without("eth_hashrate"))) as server:
        source = _source(server.url, clock=clock)
        assert source.read().hashrate is None
        assert source.read().peers == 25
        assert server.methods().count("eth_hashrate") == 1
        server.answer = geth(FIGURES)
        clock.move(ASK_AGAIN)
        assert source.read() == ALL


def test_a_method_that_fails_costs_its_figure_and_is_asked_again() -> None:
    def answer(body: object) -> tuple[int, bytes]:
        status, raw = geth(FIGURES)(body)
        return status, raw.replace(b'"result": "0x19"', b'"error": {"code": -32000, "message": "busy"}')

    with chain_server(answer) as server:
        source = _source(server.url)
        for _ in range(2):
            reading = source.read()
            assert (reading.peers, reading.block, reading.hashrate) == (None, 1207, 8123)
            assert reading.odd == ("net_peerCount: error -32000: busy",)


def test_a_method_may_be_refused_by_the_status_of_http_as_well() -> None:
    single = geth(_without("eth_hashrate"))

    def answer(body: object) -> tuple[int, bytes]:
        if isinstance(body, list):
            return 400, b""
        status, raw = single(body)
        return (404 if b"error" in raw else status), raw

    with chain_server(answer) as server:
        assert _source(server.url).read().hashrate is None


def test_a_client_that_offers_none_of_it_is_a_failure_that_says_what_to_do() -> None:
    with chain_server(geth({})) as server:
        source = _source(server.url)
        for _ in range(2):
            with pytest.raises(SourceError, match=f"127.0.0.1:{server.port}: offers none .* modules eth and net"):
                source.read()
        assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>it works</html>", "the answer is not JSON"),
        (200, b"", "the answer is not JSON"),
        (200, b"[1, 2", "the answer is cut short"),
        (200, b'"hello"', "the answer is not JSON"),
        (200, b"{}", "not JSON-RPC"),
        (401, b"", "HTTP status 401"),
        (403, b"", "HTTP status 403"),
        (404, b"", "HTTP status 404"),
        (500, b"oops", "HTTP status 500"),
    ],
)
def test_an_answer_of_another_kind_of_server_is_a_failure(status: int, body: bytes, text: str) -> None:
    with chain_server(lambda _: (status, body)) as server, pytest.raises(SourceError, match=text):
        _source(server.url).read()


def test_an_answer_without_end_is_cut_off() -> None:
    with chain_server(lambda _: (200, b"x" * 5_000_000)) as server, pytest.raises(SourceError, match="larger than"):
        _source(server.url).read()


def test_nobody_there_is_a_failure_that_names_the_address() -> None:
    port = free_port()
    with pytest.raises(SourceError, match=f"127.0.0.1:{port}: .*refused"):
        _source(f"http://127.0.0.1:{port}").read()


@contextmanager
def _tcp_server(serve: Callable[[socket.socket], object]) -> Iterator[int]:
    """Accepts one connection and lets the test say what becomes of it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                serve(connection)

        thread = threading.Thread(target=run)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(10)


def test_a_client_that_does_not_answer_is_given_up() -> None:
    given_up = threading.Event()
    with _tcp_server(lambda _: given_up.wait(10)) as port:
        with pytest.raises(SourceError, match=r"no answer within 0\.2 s"):
            _source(f"http://127.0.0.1:{port}", timeout=0.2).read()
        given_up.set()


@pytest.mark.parametrize(
    "at_once", [b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 O", b""]
)
def test_a_client_that_answers_drop_by_drop_is_given_up(at_once: bytes) -> None:
    given_up = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.sendall(at_once)
        while not given_up.wait(0.05):
            connection.sendall(b" ")

    with _tcp_server(drip) as port:
        with pytest.raises(SourceError, match=r"no answer within 0\.3 s"):
            _source(f"http://127.0.0.1:{port}", timeout=0.3).read()
        given_up.set()


@pytest.mark.parametrize("raw", [b"SSH-2.0-OpenSSH\r\n", b"HTTP/1.1 abc\r\n\r\n", b""])
def test_a_server_of_another_protocol_is_a_failure(raw: bytes) -> None:
    with _tcp_server(lambda c: c.sendall(raw)) as port, pytest.raises(SourceError, match=f"127.0.0.1:{port}: "):
        _source(f"http://127.0.0.1:{port}").read()


def test_a_login_in_the_url_is_sent_and_never_shown() -> None:
    with chain_server(geth(FIGURES)) as server:
        source = _source(f"http://rig:p%40ss@127.0.0.1:{server.port}")
        source.read()
        assert server.headers[0]["Authorization"] == "Basic cmlnOnBAc3M="
        server.answer = lambda _: (401, b"")
        with pytest.raises(SourceError) as raised:
            source.read()
    assert "p@ss" not in str(raised.value)
    assert "p%40ss" not in str(raised.value)


def test_a_real_ganache_gives_its_figures(ganache: ChainClient) -> None:
    reading = _source(ganache.url).read()
    assert (reading.peers, reading.hashrate, reading.syncing) == (0, 0, False)
    assert reading.block is not None
    assert reading.block_hash is not None
    assert reading.block_hash.startswith("0x")


def test_a_real_anvil_does_not_know_its_peers(anvil: ChainClient) -> None:
    source = _source(anvil.url)
    reading = source.read()
    assert reading.peers is None
    assert reading.block is not None
    assert reading.block_hash is not None
    assert Method.PEERS in source._not_offered
