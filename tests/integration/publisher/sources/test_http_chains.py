"""The sources of bitcoind and monerod, against a server that answers as those did."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from publisher.sources.reading import SourceError, checked
from publisher.sources.registry import build_sources
from publisher.sources.source import Context, Source
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock
from tests.integration.publisher.sources.miner_server import miner_server, tcp_server
from tests.miners import captured
from tests.ports import free_port

MONEROD = {
    "/json_rpc": captured("monerod-0.18.0.0-get_info-mined.json"),
    "/mining_status": captured("monerod-0.18.0.0-mining_status-active.json"),
}
BITCOIND = {"/": captured("bitcoind-25.0-batch.json")}


def _source(kind: str, url: str, **settings: Any) -> Source:  # noqa: ANN401 - as TOML has them
    context = Context(NodeId("main", "rig07"), FakeClock())
    ((_, source),) = build_sources([{"kind": kind, "url": url, **settings}], SettingPlace("publisher.toml"), context)
    return source


def test_it_asks_bitcoind_everything_in_one_batch() -> None:
    with miner_server(BITCOIND) as server:
        reading = _source("bitcoind", server.url).read()
    assert (reading.block, reading.peers) == (820311, 34)
    ((_, body),) = server.asked
    assert [call["method"] for call in json.loads(body)] == ["getblockchaininfo", "getnetworkinfo", "uptime"]


def test_the_cookie_of_bitcoind_is_read_anew_each_time(tmp_path: Path) -> None:
    cookie = tmp_path / ".cookie"
    with miner_server(BITCOIND) as server:
        source = _source("bitcoind", server.url, cookie=str(cookie))
        for password in ("one", "two"):
            cookie.write_text(f"__cookie__:{password}")
            source.read()
    assert [headers["Authorization"] for headers in server.headers] == [
        "Basic X19jb29raWVfXzpvbmU=",
        "Basic X19jb29raWVfXzp0d28=",
    ]


def test_a_bitcoind_that_wants_a_login_says_where_to_write_it() -> None:
    with miner_server({}) as server:
        server.answers["/"] = (401, b"")
        with pytest.raises(SourceError, match=r"HTTP status 401.*or `cookie` name the client's \.cookie file"):
            _source("bitcoind", server.url).read()


def test_it_asks_monerod_for_its_chain_and_its_mining() -> None:
    with miner_server(MONEROD) as server:
        reading = _source("monerod", server.url).read()
    assert (reading.block, reading.hashrate) == (1067, 84)
    assert [path for path, _ in server.asked] == ["/json_rpc", "/mining_status"]


@pytest.mark.parametrize("status", [403, 404])
def test_a_monerod_that_does_not_tell_of_its_mining_has_no_hashrate(status: int) -> None:
    with miner_server(MONEROD) as server:
        server.answers["/mining_status"] = (status, b"")
        reading = _source("monerod", server.url).read()
    assert (reading.block, reading.hashrate) == (1067, None)


def test_the_mining_of_monerod_that_fails_costs_the_hashrate_and_is_named() -> None:
    with miner_server(MONEROD) as server:
        server.answers["/mining_status"] = (500, b"")
        reading = checked(_source("monerod", server.url).read())
    assert (reading.block, reading.hashrate) == (1067, None)
    assert "hashrate of mining_status" in reading.lacks


@pytest.mark.parametrize(("kind", "switch"), [("bitcoind", "server=1"), ("monerod", "--rpc-bind-port")])
def test_a_client_that_is_not_there_is_a_failure_that_says_what_switches_it_on(kind: str, switch: str) -> None:
    port = free_port()
    with pytest.raises(SourceError, match=f"127.0.0.1:{port}: Connection refused; {kind} .*{switch}"):
        _source(kind, f"http://127.0.0.1:{port}").read()


@pytest.mark.parametrize("kind", ["bitcoind", "monerod"])
@pytest.mark.parametrize(
    ("status", "body", "text"),
    [
        (200, b"<html>it works</html>", "the answer is not JSON"),
        (200, b'"hello"', "the answer is not JSON"),
        (200, b"x" * 5_000_000, "larger than"),
        (503, b"", "HTTP status 503"),
    ],
)
def test_another_server_is_a_failure(kind: str, status: int, body: bytes, text: str) -> None:
    with miner_server({}) as server:
        for path in ("/", "/json_rpc"):
            server.answers[path] = (status, body)
        with pytest.raises(SourceError, match=text):
            _source(kind, server.url).read()


@pytest.mark.parametrize("kind", ["bitcoind", "monerod"])
def test_a_client_that_does_not_answer_is_given_up(kind: str) -> None:
    given_up = threading.Event()
    with tcp_server(lambda *_: given_up.wait(10)) as port:
        with pytest.raises(SourceError, match=r"no answer within 0\.2 s"):
            _source(kind, f"http://127.0.0.1:{port}", timeout="200ms").read()
        given_up.set()
