"""Every source that asks a miner over HTTP, against a server that answers as that miner did."""

import json
import socket
import threading
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

import pytest

from publisher.sources.reading import SourceError
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.integration.publisher.sources.miner_server import miner_server, tcp_server
from tests.miners import captured
from tests.ports import free_port


@dataclass(frozen=True, slots=True)
class Case:
    """What a miner answers at which path, what it makes, and which option switches its API on."""

    answers: dict[str, str]
    hashrate: float
    switch: str
    cards: int = 0
    settings: dict[str, Any] = field(default_factory=dict)


CASES: Final = {
    "xmrig": Case(
        {"/2/summary": "xmrig-6.21.0-summary.json", "/2/backends": "xmrig-6.21.0-backends.json"},
        hashrate=296.24,
        switch="--http-port=44444",
        cards=2,
    ),
    "trex": Case({"/summary": "trex-0.25.9.json"}, hashrate=50287688, switch="--api-bind-http", cards=1),
    "lolminer": Case({"/summary": "lolminer-1.92.json"}, hashrate=5654900, switch="--apiport", cards=1),
    "gminer": Case({"/stat": "gminer-2.70.json"}, hashrate=72131151, switch="--api 10050", cards=1),
    "nbminer": Case({"/api/v1/status": "nbminer-40.0.json"}, hashrate=146567481.5, switch="--api 127", cards=2),
    "srbminer": Case({"/api/v2/status": "srbminer-3.6.4.json"}, 63404632916632.73, switch="--api-enable", cards=1),
    "rigel": Case({"/stat": "rigel-1.23.2.json"}, hashrate=12112.19, switch="--api-bind", cards=1),
    "bzminer": Case({"/status": "bzminer-100.45.json"}, hashrate=10.25, switch="--http_enabled", cards=1),
}
DUAL: Final = {
    "trex": Case({"/summary": "trex-0.25.9-dual.json"}, 60100200, "", settings={"algorithm": "autolykos2"}),
    "lolminer": Case({"/summary": "lolminer-1.92-dual.json"}, 1.5e9, "", settings={"algorithm": "kaspa"}),
    "gminer": Case({"/stat": "gminer-3.44-dual.json"}, 810e6, "", settings={"algorithm": "kheavyhash"}),
    "nbminer": Case({"/api/v1/status": "nbminer-29.1-dual.json"}, 82523781.43, "", settings={"algorithm": "ethash"}),
    "srbminer": Case({"/api/v2/status": "srbminer-2.4.4-dual.json"}, 9000500, "", settings={"algorithm": "verushash"}),
    "rigel": Case({"/stat": "rigel-1.19.1-dual.json"}, 310e6, "", settings={"algorithm": "kaspa"}),
    "bzminer": Case({"/status": "bzminer-17.3-dual.json"}, 500e6, "", settings={"algorithm": "kaspa"}),
}


def _source(kind: str, url: str, **settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    context = Context(NodeId("main", "rig07"), FakeClock())
    ((_, source),) = build_sources([{"kind": kind, "url": url, **settings}], SettingPlace("publisher.toml"), context)
    return source


def _bodies(case: Case) -> dict[str, bytes]:
    return {path: captured(name) for path, name in case.answers.items()}


def test_it_asks_a_proxy_for_its_workers_and_not_for_its_cards() -> None:
    row = ["rig3", "10.0.0.3", 0, 50, 0, 0, 5_000_000, 1_506_311_000_000, 0, 0, 0.5, 1.0, 1.0]
    workers = [["rig2", "10.0.0.2", 1, 50, 0, 0, 5_000_000, 1_506_315_000_000, 1.0, 1.0, 1.0, 1.0, 1.0], row]
    answers = {
        "/2/summary": {"kind": "proxy", "hashrate": {"total": [1.5]}, "results": {}, "miners": {"now": 1}},
        "/1/workers": {"hashrate": {"total": [1.5]}, "mode": "rig_id", "workers": workers},
    }
    with miner_server({path: json.dumps(body).encode() for path, body in answers.items()}) as server:
        reading = _source("xmrig-proxy", server.url).read()
    assert (reading.hashrate, reading.peers) == (1500, 1)
    assert reading.lacks == "1 of 2 workers silent: rig3 (not connected)"
    assert [path for path, _ in server.asked] == ["/2/summary", "/1/workers"]


@pytest.mark.parametrize("kind", CASES)
def test_it_reads_the_miner(kind: str) -> None:
    case = CASES[kind]
    with miner_server(_bodies(case)) as server:
        reading = _source(kind, server.url).read()
    assert reading.hashrate == pytest.approx(case.hashrate)
    assert len(reading.gpus or ()) == case.cards
    assert reading.miner is not None
    assert [path for path, _ in server.asked] == list(case.answers)


@pytest.mark.parametrize("kind", DUAL)
def test_the_settings_may_name_one_of_two_algorithms(kind: str) -> None:
    case = DUAL[kind]
    with miner_server(_bodies(case)) as server:
        assert _source(kind, server.url, **case.settings).read().hashrate == pytest.approx(case.hashrate)


@pytest.mark.parametrize("kind", CASES)
def test_an_api_that_is_off_is_a_failure_that_says_how_to_switch_it_on(kind: str) -> None:
    port = free_port()
    with pytest.raises(SourceError) as raised:
        _source(kind, f"http://127.0.0.1:{port}").read()
    assert str(raised.value).startswith(f"127.0.0.1:{port}: Connection refused; ")
    assert CASES[kind].switch in str(raised.value)


@pytest.mark.parametrize("kind", CASES)
@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>it works</html>", "the answer is not JSON"),
        (200, b"", "the answer is not JSON"),
        (200, b"\xff\xfe{}", "the answer is not JSON"),
        (200, b'{"x":' + b"[" * 100_000, "the answer is not JSON"),
        (200, b"{}", "not an answer of "),
        (200, b"x" * 5_000_000, r"^127\.0\.0\.1:\d+: the answer is larger than"),
        (401, b"", "HTTP status 401"),
        (403, b"", "HTTP status 403"),
        (302, b"", r"HTTP status 302 Found; is this the port of .*'s API\?"),
        (404, b"", r"HTTP status 404 Not Found; is this the port of .*'s API\?"),
        (500, b"", "HTTP status 500"),
    ],
)
def test_an_answer_of_another_kind_of_server_is_a_failure(kind: str, status: int, body: bytes, text: str) -> None:
    with miner_server({}) as server:
        for path in CASES[kind].answers:
            server.answers[path] = (status, body)
        with pytest.raises(SourceError, match=text):
            _source(kind, server.url).read()


@pytest.mark.parametrize(
    ("sent", "words"),
    [(b"SSH-2.0-OpenSSH_9\r\n", "SSH-2.0-OpenSSH_9"), (b"\0\xff \x1b[2J" * 99 + b"\n", "nothing that can be read")],
)
def test_what_speaks_no_http_is_named_in_one_line_that_can_be_read(sent: bytes, words: str) -> None:
    with tcp_server(lambda connection, _: connection.sendall(sent)) as port, pytest.raises(SourceError) as raised:
        _source("trex", f"http://127.0.0.1:{port}").read()
    assert str(raised.value) == f"127.0.0.1:{port}: not an HTTP answer ({words}); is this the right port?"


@pytest.mark.parametrize("kind", CASES)
def test_a_miner_that_answers_drop_by_drop_is_given_up(kind: str) -> None:
    given_up = threading.Event()

    def drip(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
        while not given_up.wait(0.05):
            connection.sendall(b" ")

    with tcp_server(drip) as port:
        with pytest.raises(SourceError, match=r"no answer within 0\.3 s"):
            _source(kind, f"http://127.0.0.1:{port}", timeout="300ms").read()
        given_up.set()


@pytest.mark.parametrize("kind", CASES)
def test_a_login_in_the_url_is_sent_and_never_shown(kind: str) -> None:
    with miner_server(_bodies(CASES[kind])) as server:
        source = _source(kind, f"http://rig:p%40ss@127.0.0.1:{server.port}")
        source.read()
        assert {headers["Authorization"] for headers in server.headers} == {"Basic cmlnOnBAc3M="}
        server.answers = dict.fromkeys(CASES[kind].answers, (401, b""))
        with pytest.raises(SourceError) as raised:
            source.read()
    assert "p@ss" not in str(raised.value)
    assert "p%40ss" not in str(raised.value)


def test_a_url_may_have_a_folder_in_front() -> None:
    with miner_server({"/rig7/summary": captured("trex-0.25.9.json")}) as server:
        assert _source("trex", f"{server.url}/rig7/").read().hashrate == 50287688


def test_the_token_of_xmrig_is_sent_and_never_shown() -> None:
    with miner_server(_bodies(CASES["xmrig"])) as server:
        source = _source("xmrig", server.url, token="not for you")
        source.read()
        assert [headers["Authorization"] for headers in server.headers] == ["Bearer not for you"] * 2
        server.answers["/2/summary"] = (401, b"")
        with pytest.raises(SourceError, match="`token` should be what XMRig's --http-access-token says") as raised:
            source.read()
    assert "not for you" not in str(raised.value)


def test_an_xmrig_that_knows_no_backends_has_no_cards() -> None:
    with miner_server({"/2/summary": captured("xmrig-6.21.0-summary.json")}) as server:
        reading = _source("xmrig", server.url).read()
    assert (reading.hashrate, reading.gpus) == (296.24, None)


def test_backends_that_cannot_be_read_cost_the_cards_and_are_named() -> None:
    with miner_server(_bodies(CASES["xmrig"])) as server:
        server.answers["/2/backends"] = (500, b"")
        reading = _source("xmrig", server.url).read()
    assert (reading.hashrate, reading.gpus) == (296.24, None)
    assert reading.odd == (f"backends: 127.0.0.1:{server.port}: HTTP status 500 Internal Server Error",)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n",
        b"HTTP/1.1 202 Accepted\r\nConnection: keep-alive\r\n\r\n",
    ],
)
def test_an_answer_ends_where_its_json_ends_though_the_connection_stays_open(head: bytes) -> None:
    given_up = threading.Event()

    def serve(connection: socket.socket, _: bytes) -> None:
        connection.sendall(head + captured("trex-0.25.9.json"))
        given_up.wait(10)

    with tcp_server(serve) as port:
        assert _source("trex", f"http://127.0.0.1:{port}", timeout="8s").read().hashrate == 50287688
        given_up.set()


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\nContent-Length: 900\n\n", b"HTTP/1.0 200\r\n\r\n"])
def test_an_answer_may_have_no_head_or_promise_too_little(head: bytes) -> None:
    with tcp_server(lambda connection, _: connection.sendall(head + captured("trex-0.25.9.json"))) as port:
        assert _source("trex", f"http://127.0.0.1:{port}").read().hashrate == 50287688


def test_an_answer_may_come_in_chunks_and_compressed() -> None:
    body = zlib.compress(captured("trex-0.25.9.json"))
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Encoding: deflate\r\n\r\n"
    whole = b"".join([head, b"%x\r\n" % len(body), body, b"\r\n0\r\n\r\n"])
    with tcp_server(lambda connection, _: connection.sendall(whole)) as port:
        assert _source("trex", f"http://127.0.0.1:{port}").read().hashrate == 50287688


def test_an_answer_that_is_cut_short_says_so_and_does_not_ask_for_the_port() -> None:
    def serve(connection: socket.socket, _: bytes) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1606\r\n\r\n" + captured("trex-0.25.9.json")[:700])

    with tcp_server(serve) as port, pytest.raises(SourceError, match=r"^the answer is cut short after 700 bytes$"):
        _source("trex", f"http://127.0.0.1:{port}").read()


def test_a_srbminer_that_does_not_know_the_newer_path_is_asked_at_the_root() -> None:
    with miner_server({"/": captured("srbminer-2.4.4-dual.json")}) as server:
        assert _source("srbminer", server.url).read().hashrate == 4011
        assert [path for path, _ in server.asked] == ["/api/v2/status", "/"]
