#!/usr/bin/env python3
"""Prints a kaspad's block, peers and whether it is synced as JSON, for rigwatch's source `exec`.

    python3 kaspad.py [HOST:PORT]

kaspad has to be started with --rpclisten-json=default. Needs Python 3.9 and nothing else.
"""

import base64
import json
import os
import socket
import struct
import sys
from io import BufferedRWPair
from typing import Any

TEXT, CLOSE = 1, 8


def ask(stream: BufferedRWPair, number: int, method: str) -> dict[str, Any]:
    send(stream, json.dumps({"id": number, "method": method, "params": {}}).encode())
    while True:
        answer = json.loads(receive(stream))
        # What kaspad says unasked has no number.
        if answer.get("id") == number:
            break
    if answer.get("error"):
        sys.exit(f"{method}: {answer['error']}")
    told: dict[str, Any] = answer.get("params") or answer.get("result") or {}
    return told


def connect(host: str, port: int) -> BufferedRWPair:
    stream = socket.create_connection((host, port), timeout=5).makefile("rwb")
    key = base64.b64encode(os.urandom(16)).decode()
    stream.write(
        f"GET / HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    stream.flush()
    status = stream.readline()
    if b" 101 " not in status:
        sys.exit(f"{host}:{port} is no WebSocket: {status!r}; is kaspad started with --rpclisten-json?")
    while stream.readline().strip():
        pass
    return stream


def send(stream: BufferedRWPair, text: bytes) -> None:
    """One masked frame; no question is longer than 125 bytes."""
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(text))
    stream.write(bytes([0x80 | TEXT, 0x80 | len(text)]) + mask + masked)
    stream.flush()


def receive(stream: BufferedRWPair) -> bytes:
    """The next message; it may come in several frames, with pings between them."""
    message = b""
    while True:
        head, size = exactly(stream, 2)
        if size == 126:
            (size,) = struct.unpack(">H", exactly(stream, 2))
        elif size == 127:
            (size,) = struct.unpack(">Q", exactly(stream, 8))
        payload = exactly(stream, size)
        if head & 15 == CLOSE:
            sys.exit("kaspad closed the connection")
        if head & 8:
            continue
        message += payload
        if head & 0x80:
            return message


def exactly(stream: BufferedRWPair, size: int) -> bytes:
    found = stream.read(size)
    if len(found) < size:
        sys.exit("the connection ended in the middle of an answer")
    return found


def main() -> None:
    host, _, port = (sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:18110").rpartition(":")
    try:
        stream = connect(host, int(port))
        info = ask(stream, 1, "getInfo")
        chain = ask(stream, 2, "getBlockDagInfo")
        peers = ask(stream, 3, "getConnectedPeerInfo")
    except (OSError, ValueError) as exc:
        sys.exit(f"{host}:{port}: {exc}")
    # The DAA score is what Kaspa has for a height; a pruned node's count of blocks is its own.
    figures = {
        "block": chain.get("virtualDaaScore"),
        "synced": info.get("isSynced"),
        "peers": len(peers.get("peerInfo") or []),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


if __name__ == "__main__":
    main()
