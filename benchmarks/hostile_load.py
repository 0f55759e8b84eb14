"""One node with a right key that does its worst, at line speed; a process of its own, ended by whoever started it.

`python -m benchmarks.hostile_load` reads one JSON order from standard input: `attack`, `port`, `websocket_port`,
`session`, and the `login` of the node with its `key`.
"""

import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from threading import Thread
from typing import Any, Final

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from benchmarks.mqtt_load import text
from rigwatch.keys import NodeKey
from rigwatch.messages import SAMPLES_MAX, NodeState, Report, Sample, Status, encode
from rigwatch.varint import varint

_LARGEST: Final = 1024 * 1024
_DAY: Final = 86_400_000
_REPORTS: Final = 400
_AT_ONCE: Final = 20
_PINGS: Final = 10_000


def main() -> None:
    order = json.loads(sys.stdin.readline())
    attack = ATTACKS[order["attack"]]
    attack(order)


def largest_packets(order: dict[str, Any]) -> None:
    topic = order["login"]["topic"]
    body = text(topic) + os.urandom(_LARGEST - len(topic) - 2)
    push(order["port"], connect(order), cycle([packet(0x30, body)]))


def old_samples(order: dict[str, Any]) -> None:
    """Each sample is a new one, so that each is stored; sealed beforehand, for sealing is the slower part."""
    login, key = order["login"], NodeKey.decode(order["login"]["key"])
    now = time.time_ns() // 1_000_000
    reports = []
    for number in range(_REPORTS):
        first = now - _DAY + number * SAMPLES_MAX
        samples = tuple(Sample(n=n, at=n, hashrate=2.7e7 + n % 1000) for n in range(first, first + SAMPLES_MAX))
        sealed = key.seal_key.seal(login["topic"], encode(Report(order["session"], now, samples)))
        reports.append(packet(0x32, text(login["topic"]) + b"\x00\x01" + sealed))
    push(order["port"], connect(order) + birth(order), cycle(reports))


def filters(count: int) -> Callable[[dict[str, Any]], None]:
    """Its own acks are among them, so that some of it is granted."""

    def attack(order: dict[str, Any]) -> None:
        wanted = ["/".join(f"{number}" for _ in range(128)) for number in range(count - 1)]
        body = b"\x00\x01" + b"".join(text(each) + b"\x01" for each in [order["login"]["filter"], *wanted])
        push(order["port"], connect(order), cycle([packet(0x82, body)]))

    return attack


def pings(order: dict[str, Any]) -> None:
    push(order["port"], connect(order), cycle([b"\xc0\x00" * _PINGS]))


def takeovers(order: dict[str, Any]) -> None:
    """Comes and goes without a goodbye, from many sockets at once: each throws the last one out."""

    def come_and_go() -> None:
        while True:
            order["session"] += 1
            hello = connect(order) + birth(order)
            try:
                with socket.create_connection(("127.0.0.1", order["port"]), timeout=30) as line:
                    line.sendall(hello)
                    line.recv(4)
            except OSError:
                time.sleep(0.01)

    threads = [Thread(target=come_and_go, daemon=True) for _ in range(_AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def websocket_pings(order: dict[str, Any]) -> None:
    protocol = ClientProtocol(parse_uri("ws://127.0.0.1/mqtt"), subprotocols=[Subprotocol("mqtt")])
    protocol.send_request(protocol.connect())
    hello = b"".join(protocol.data_to_send())
    ping = Frame(Opcode.PING, b"x" * 125).serialize(mask=True)
    login = Frame(Opcode.BINARY, connect(order)).serialize(mask=True)
    push(order["websocket_port"], hello, cycle([login + ping * 500, ping * 500]), answer=100)


ATTACKS: Final[dict[str, Callable[[dict[str, Any]], None]]] = {
    "packets of 1 MiB": largest_packets,
    "reports of 500 old samples": old_samples,
    "SUBSCRIBE, 1,000 filters of 128 levels": filters(1000),
    "SUBSCRIBE, 8 filters of 128 levels": filters(8),
    "pings": pings,
    "connects and take-overs": takeovers,
    "WebSocket pings of 125 bytes": websocket_pings,
}


def push(port: int, hello: bytes, chunks: Iterator[bytes], *, answer: int = 4) -> None:
    """Sends without end, and reads whatever comes; connects again when it was thrown out."""
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
                line.sendall(hello)
                line.recv(answer)
                line.setblocking(False)
                _push_on(line, chunks)
        except OSError:
            time.sleep(0.01)


def _push_on(line: socket.socket, chunks: Iterator[bytes]) -> None:
    rest = memoryview(b"")
    while True:
        readable, writable, _ = select.select([line], [line], [])
        if readable and not line.recv(65_536):
            return
        if writable:
            rest = rest or memoryview(next(chunks))
            rest = rest[line.send(rest) :]


def connect(order: dict[str, Any]) -> bytes:
    login = order["login"]
    body = text("MQTT") + bytes((4, 0xC2 | 0x2C)) + b"\0\0" + text(login["client_id"])
    will = status(order, NodeState.LOST)
    body += text(login["status"]) + len(will).to_bytes(2) + will + text(login["user"]) + text(login["password"])
    return packet(0x10, body)


def birth(order: dict[str, Any]) -> bytes:
    return packet(0x33, text(order["login"]["status"]) + b"\x00\x02" + status(order, NodeState.ONLINE))


def status(order: dict[str, Any], state: NodeState) -> bytes:
    login = order["login"]
    key = NodeKey.decode(login["key"]).seal_key
    return key.seal(login["status"], encode(Status(state, order["session"], host="hostile", interval=60.0)))


def packet(first: int, body: bytes) -> bytes:
    return bytes((first,)) + varint(len(body)) + body


if __name__ == "__main__":
    main()
