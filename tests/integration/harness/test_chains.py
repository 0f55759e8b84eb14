"""The chain clients that the sources are tested against answer as real ones do."""

import json
from http.client import HTTPConnection

from tests.chains import ChainClient
from tests.waiting import eventually


def test_ganache_mines_and_has_no_peers(ganache: ChainClient) -> None:
    assert _ask(ganache, "net_peerCount")["result"] == "0x0"
    eventually(lambda: int(str(_ask(ganache, "eth_blockNumber")["result"]), 16) > 0)


def test_anvil_mines_and_does_not_know_about_peers(anvil: ChainClient) -> None:
    assert "error" in _ask(anvil, "net_peerCount")
    eventually(lambda: int(str(_ask(anvil, "eth_blockNumber")["result"]), 16) > 0)


def _ask(client: ChainClient, method: str) -> dict[str, object]:
    connection = HTTPConnection("127.0.0.1", client.port, timeout=10)
    try:
        question = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": []})
        connection.request("POST", "/", question, {"Content-Type": "application/json"})
        answer: dict[str, object] = json.load(connection.getresponse())
    finally:
        connection.close()
    return answer
