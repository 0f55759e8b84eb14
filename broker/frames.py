"""Cuts a stream of bytes into MQTT control packets. No socket, no clock, and no idea of what a packet means."""

from typing import Final, NamedTuple

from broker.reasons import Reason

_LENGTH_BYTES: Final = 4


class Violation(Exception):
    """The peer broke the protocol, or a limit; the connection ends and its will is sent."""

    def __init__(self, text: str, reason: Reason = Reason.MALFORMED) -> None:
        super().__init__(text)
        self.reason = reason
        """What a client of MQTT 5 is told."""


class Frame(NamedTuple):
    """One control packet: its first byte (type and flags) and everything after the length."""

    first: int
    body: bytes


class FrameReader:
    """Feed it what came, then ask `next` until it says None.

    A frame longer than `limit` bytes is refused as soon as its header is read, so memory never holds more than one
    frame within the limit and one read from the socket.
    """

    __slots__ = ("_at", "_data", "_held", "_need", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._data = b""
        self._at = 0
        # The beginning of a frame; a bytearray, because one byte a read must not cost a copy of all each time.
        self._held: bytearray | None = None
        self._need = 0

    @property
    def has_partial(self) -> bool:
        """Whether the beginning of a frame waits for its end."""
        return self._held is not None or self._at < len(self._data)

    @property
    def first_byte(self) -> int | None:
        """The first byte of the next frame, as soon as it is there."""
        if self._held:
            return self._held[0]
        return self._data[self._at] if self._at < len(self._data) else None

    def feed(self, data: bytes) -> None:
        """Adds what the socket gave; frames not yet asked for stay in front of it."""
        if self._held is not None:
            self._held += data
            if len(self._held) >= self._need:
                self._data, self._at, self._held = bytes(self._held), 0, None
        elif self._at < len(self._data):
            self._data, self._at = self._data[self._at :] + data, 0
        else:
            self._data, self._at = data, 0

    def next(self) -> Frame | None:
        """The next whole frame, or None; raises `Violation` for a header that cannot be right or is over the limit."""
        data, at = self._data, self._at
        available = len(data) - at
        if available < 2:
            if available:
                self._hold(2)
            return None
        length = data[at + 1]
        body_at = at + 2
        if length & 0x80:
            measured = self._length()
            if measured is None:
                self._hold(available + 1)
                return None
            length, body_at = measured
        end = body_at + length
        if length > self.limit:
            raise Violation(f"packet of {length} bytes, {self.limit} are allowed", Reason.PACKET_TOO_LARGE)
        if end > len(data):
            self._hold(end - at)
            return None
        self._at = end
        return Frame(data[at], data[body_at:end])

    def _length(self) -> tuple[int, int] | None:
        """The remaining length and where the body begins (MQTT 3.1.1 §2.2.3), or None while bytes of it are missing."""
        length = 0
        start = self._at + 1
        for index, byte in enumerate(self._data[start : start + _LENGTH_BYTES]):
            length |= (byte & 0x7F) << (7 * index)
            if not byte & 0x80:
                return length, start + index + 1
            if index == _LENGTH_BYTES - 1:
                raise Violation("remaining length of more than four bytes")
        return None

    def _hold(self, need: int) -> None:
        self._held, self._need = bytearray(self._data[self._at :]), need
        self._data, self._at = b"", 0
