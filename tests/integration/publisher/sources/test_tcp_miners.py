"""The sources that ask a miner over plain TCP, against servers that answer as those miners did."""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from publisher.sources.reading import SourceError
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from publisher.sources.tcp import ANSWER_MAX
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.integration.publisher.sources.miner_server import tcp_server
from tests.miners import captured
from tests.ports import free_port

SWITCHES = {"cgminer": "--api-listen", "ethminer": "--api-bind"}
KINDS = tuple(SWITCHES)
REFUSED = b'{"STATUS":[{"STATUS":"E","When":1,"Code":14,"Msg":"Invalid command"}],"id":1}'


def _source(kind: str, port: int, **settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    context = Context(NodeId("main", "rig07"), FakeClock())
    raw = {"kind": kind, "address": f"127.0.0.1:{port}", **settings}
    ((_, source),) = build_sources([raw], SettingPlace("publisher.toml"), context)
    return source


def _cgminer(connection: socket.socket, asked: bytes) -> None:
    name = json.loads(asked)["command"]
    answer = captured(f"cgminer-4.11.1-{name}.json") if name in ("summary", "devs", "pools") else REFUSED
    connection.sendall(answer + b"\0")


def test_it_reads_cgminer() -> None:
    with tcp_server(_cgminer) as port:
        reading = _source("cgminer", port).read()
    assert (reading.hashrate, reading.temperature) == (87240933.02e6, 74)
    assert reading.pool == "stratum+tcp://pool.example:3333"


def test_a_cgminer_that_keeps_the_connection_open_is_not_waited_for() -> None:
    def serve(connection: socket.socket, asked: bytes) -> None:
        _cgminer(connection, asked)
        connection.recv(1)

    with tcp_server(serve) as port:
        assert _source("cgminer", port).read().accepted == 11330


def test_an_answer_ends_where_its_json_ends_though_no_nul_follows_and_the_connection_stays_open() -> None:
    def serve(connection: socket.socket, asked: bytes) -> None:
        name = json.loads(asked)["command"]
        answer = captured(f"cgminer-4.11.1-{name}.json") if name in ("summary", "devs", "pools") else REFUSED
        connection.sendall(answer.rstrip(b"\0\n"))
        connection.recv(1)

    with tcp_server(serve) as port:
        assert _source("cgminer", port, timeout="8s").read().accepted == 11330


def test_a_command_that_is_refused_is_left_alone_for_an_hour() -> None:
    asked: list[str] = []
    clock = FakeClock()

    def serve(connection: socket.socket, question: bytes) -> None:
        asked.append(json.loads(question)["command"])
        _cgminer(connection, question)

    with tcp_server(serve) as port:
        context = Context(NodeId("main", "rig07"), clock)
        raw = {"kind": "cgminer", "address": f"127.0.0.1:{port}"}
        ((_, source),) = build_sources([raw], SettingPlace("publisher.toml"), context)
        for _ in range(3):
            source.read()
        assert asked.count("summary") == 3
        assert asked.count("stats") == 1
        clock.move(3601)
        source.read()
        assert asked.count("stats") == 2


def test_an_answer_that_is_cut_short_says_so_and_does_not_ask_for_the_port() -> None:
    def serve(connection: socket.socket, _: bytes) -> None:
        connection.sendall(captured("cgminer-4.11.1-summary.json")[:100])

    with tcp_server(serve) as port, pytest.raises(SourceError, match=r"^the answer is cut short after 100 bytes$"):
        _source("cgminer", port).read()


def test_a_cgminer_that_lets_nobody_in_is_a_failure_that_says_where_to_look() -> None:
    with tcp_server(lambda *_: None) as port, pytest.raises(SourceError, match="--api-allow says who may ask"):
        _source("cgminer", port).read()


def test_it_asks_ethminer_what_it_knows_and_remembers_it() -> None:
    asked: list[str] = []

    def serve(connection: socket.socket, question: bytes) -> None:
        asked.append(json.loads(question)["method"])
        name = asked[-1].removeprefix("miner_")
        connection.sendall(captured(f"ethminer-0.16.0-{name}.json"))
        connection.recv(1)

    with tcp_server(serve) as port:
        source = _source("ethminer", port)
        assert source.read().hashrate == 87_221_000
        assert source.read().hashrate == 87_221_000
    assert asked == ["miner_getstat2", "miner_getstat1", "miner_getstat1"]


def test_the_password_of_phoenixminer_is_sent_and_never_shown() -> None:
    asked: list[dict[str, Any]] = []

    def serve(connection: socket.socket, question: bytes) -> None:
        asked.append(json.loads(question))
        connection.sendall(captured("phoenixminer-5.6d-getstat2.json"))

    with tcp_server(serve) as port:
        source = _source("ethminer", port, password="not for you")
        assert source.read().accepted == 40
    assert asked == [{"id": 1, "jsonrpc": "2.0", "method": "miner_getstat2", "psw": "not for you"}]
    assert "not for you" not in repr(source)


@pytest.mark.parametrize("kind", KINDS)
def test_an_api_that_is_off_is_a_failure_that_says_how_to_switch_it_on(kind: str) -> None:
    port = free_port()
    with pytest.raises(SourceError) as raised:
        _source(kind, port).read()
    assert str(raised.value).startswith(f"127.0.0.1:{port}: Connection refused; ")
    assert SWITCHES[kind] in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "the answer is not JSON"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "the answer is not JSON"),
        (b"\xff\xfe\n\0", "the answer is not JSON"),
        (b'{"x":' + b"[" * 100_000, "the answer is not JSON"),
        (b"[]", "not an answer of "),
        (b" " * (ANSWER_MAX + 1), "larger than"),
    ],
)
def test_another_server_is_a_failure(kind: str, answer: bytes, text: str) -> None:
    def serve(connection: socket.socket, _: bytes) -> None:
        connection.sendall(answer)

    with tcp_server(serve) as port, pytest.raises(SourceError, match=text):
        _source(kind, port).read()


def _silent(given_up: threading.Event) -> Callable[[socket.socket, bytes], None]:
    return lambda *_: (given_up.wait(10), None)[1]


def _dripping(given_up: threading.Event) -> Callable[[socket.socket, bytes], None]:
    def drip(connection: socket.socket, _: bytes) -> None:
        while not given_up.wait(0.05):
            connection.sendall(b" ")

    return drip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("serve", [_silent, _dripping])
def test_a_miner_that_does_not_come_to_an_end_is_given_up(
    kind: str, serve: Callable[[threading.Event], Callable[[socket.socket, bytes], None]]
) -> None:
    given_up = threading.Event()
    with tcp_server(serve(given_up)) as port:
        with pytest.raises(SourceError, match=f"127.0.0.1:{port}: no answer within 0.3 s"):
            _source(kind, port, timeout="300ms").read()
        given_up.set()
