"""What is found on a machine without being told, on ports of the test's own."""

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from publisher.detection import HTTP_KINDS, Candidate, Found, detect, unnamed, usual_candidates
from rigwatch.clock import SystemClock
from tests.integration.publisher.sources.chain_server import chain_server, geth
from tests.integration.publisher.sources.miner_server import miner_server, tcp_server
from tests.miners import captured
from tests.ports import free_port

MINERS = tuple(kind for kind in HTTP_KINDS if kind != "xmrig-proxy")
CHAIN = {
    "net_peerCount": "0x19",
    "eth_blockNumber": "0x4b7",
    "eth_getBlockByNumber": {"number": "0x4b7", "hash": "0x1"},
}


def _candidate(port: int, *kinds: str) -> Candidate:
    tries = tuple({"kind": kind, "url": f"http://127.0.0.1:{port}", "timeout": "5s"} for kind in kinds)
    return Candidate(f"port {port}", tries, port)


@contextmanager
def _miners(*files: tuple[str, str]) -> Iterator[list[int]]:
    with ExitStack() as stack:
        yield [stack.enter_context(miner_server({path: captured(name)})).port for path, name in files]


def test_a_miner_is_found_by_its_answer_whatever_the_port_is_usually_for() -> None:
    with _miners(("/summary", "trex-0.25.9.json"), ("/2/summary", "xmrig-6.21.0-summary.json")) as ports:
        found = detect([_candidate(port, *reversed(MINERS)) for port in ports], SystemClock())
    assert [(each.kind, each.settings["url"]) for each in found] == [
        ("trex", f"http://127.0.0.1:{ports[0]}"),
        ("xmrig", f"http://127.0.0.1:{ports[1]}"),
    ]
    assert found[0].reading.hashrate == 50287688
    assert "timeout" not in found[0].settings, "what was short for the search is not for good"


def test_a_chain_client_is_found_by_its_block() -> None:
    with chain_server(geth(CHAIN)) as server:
        port = int(server.url.rpartition(":")[2])
        (found,) = detect([_candidate(port, "jsonrpc")], SystemClock())
    assert (found.kind, found.reading.block, found.reading.peers) == ("jsonrpc", 1207, 25)


def test_another_server_and_a_port_where_nobody_listens_are_nothing() -> None:
    with miner_server({"/": b"<html>it works</html>", "/summary": b"{}"}) as server:
        ports = (server.port, free_port())
        assert detect([_candidate(port, *HTTP_KINDS) for port in ports], SystemClock()) == []


def test_a_port_that_answers_nobody_holds_no_start_up_for_long() -> None:
    given_up = threading.Event()
    asked: list[bytes] = []

    def serve(_: socket.socket, question: bytes) -> None:
        asked.append(question)
        given_up.wait(2)

    with tcp_server(serve) as port:
        tries = tuple({"kind": kind, "url": f"http://127.0.0.1:{port}", "timeout": "1500ms"} for kind in MINERS)
        assert detect([Candidate(f"port {port}", tries, port)], SystemClock()) == []
        given_up.set()
    assert len(asked) < len(MINERS)


def test_what_the_settings_name_already_is_not_found_again() -> None:
    found = [Found({"kind": "trex", "url": "http://127.0.0.1:4067"}, "port 4067"), Found({"kind": "nvml"}, "driver")]
    assert unnamed(found, []) == found
    assert unnamed(found, [{"kind": "trex", "url": "http://localhost:4067/"}, {"kind": "nvml", "gpu": "01:00.0"}]) == []
    assert unnamed(found, [{"kind": "xmrig", "url": "http://127.0.0.1:4067"}]) == found[1:]


def test_a_default_that_is_not_written_down_is_known_as_well() -> None:
    found = [Found({"kind": "trex", "url": "http://127.0.0.1:4067"}, "port 4067")]
    assert unnamed(found, [{"kind": "trex"}]) == []
    assert unnamed(found, [{"kind": "xmrig"}]) == found


def test_each_port_is_looked_at_once() -> None:
    ports = [each.port for each in usual_candidates() if each.port]
    assert len(ports) == len(set(ports))
