"""Bytes of a socket that have to come by a moment, however slowly the other side sends them."""

import io
import socket
import time
from typing import Any


class TimedBytes(io.RawIOBase):
    """A socket's bytes until a moment. The socket's own timeout is for each piece, and a server may send a byte a
    second, of the headers as well.
    """

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:  # noqa: ANN401 - what io.RawIOBase takes, which has no name
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(left)
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()
