"""paho's client, made to read and write many packets with one call of the system; what a packet means stays paho's.

paho asks its socket three times for each packet that comes, and writes each that goes by itself. To a subscriber that
hears thousands of messages a second that is most of its work, so here messages are read from what the socket had in
one piece, and what is waiting is written in one. The names with an underscore are not promised by paho, which is why
its minor version is pinned; `tests/integration/rigwatch/test_mqtt_packets.py` notices a change.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import paho.mqtt.client as paho
from paho.mqtt.enums import MessageType, MQTTErrorCode

from rigwatch.varint import varint

READ: Final = 64 * 1024
"""Bytes that are asked for at once."""

_WRITE: Final = 256 * 1024
_PUBLISH: Final = 0x30
_QOS_1: Final = 0x02
_RETAIN: Final = 0x01
# What is left of a PUBLISH's first byte without "again" and "retained".
_KIND: Final = 0xF6

Received = Callable[[str, bytes, bool], None]
"""Topic, payload, and whether it was kept by the broker."""


class Client(paho.Client):
    """`on_received` gets what `on_message` would, for QoS 0 and 1. Only for use on one thread."""

    def __init__(self, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - paho's own
        super().__init__(*arguments, **options)
        self.on_received: Received = lambda _topic, _payload, _retained: None
        self._bytes = b""
        self._at = 0
        self._confirmed = bytearray()

    @property
    def has_unread(self) -> bool:
        """Whether there is something that no socket will announce any more."""
        return self._at < len(self._bytes)

    def send_at_once(self) -> None:
        """Has the system keep nothing back of what is written; it is whole.

        The end would wait until the other side has confirmed the beginning, which that side puts off as well: together
        40 ms, on every report that is waited for. A socket that has ended meanwhile is left for `read` to find.
        """
        if isinstance(self._sock, socket.socket):
            with suppress(OSError):
                self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def read(self, may_go_on: Callable[[], bool]) -> None:
        """Takes what the socket has, up to `READ` bytes, as long as `may_go_on`; call it when there is something."""
        code = self._packet_read()
        while code == MQTTErrorCode.MQTT_ERR_SUCCESS and self.has_unread and may_go_on():
            code = self._packet_read()
        if self._confirmed and self._sock is not None:
            confirmed, self._confirmed = bytes(self._confirmed), bytearray()
            self._out_packet.append(_written(confirmed))
            self.loop_write()
        if code > 0:
            self._loop_rc_handle(code)

    def post(self, topic: str, payload: bytes) -> None:
        """Publishes at QoS 0, without what paho keeps of a message for those who wait for it."""
        name = topic.encode()
        length = varint(2 + len(name) + len(payload))
        self._out_packet.append(_written(b"".join((b"\x30", length, len(name).to_bytes(2), name, payload))))
        self._call_socket_register_write()

    def _sock_recv(self, bufsize: int) -> bytes:
        if not self.has_unread:
            self._bytes, self._at = super()._sock_recv(max(bufsize, READ)), 0
        start = self._at
        self._at = min(start + bufsize, len(self._bytes))
        return self._bytes[start : self._at]

    def _packet_read(self) -> MQTTErrorCode:
        if not self._in_packet["command"]:
            if not self.has_unread:
                try:
                    self._bytes, self._at = super()._sock_recv(READ), 0
                except BlockingIOError:
                    return MQTTErrorCode.MQTT_ERR_AGAIN
                except OSError:
                    return MQTTErrorCode.MQTT_ERR_CONN_LOST
                if not self._bytes:
                    return MQTTErrorCode.MQTT_ERR_CONN_LOST
                self._last_bytes_received = time.monotonic()
            if self._take_publish():
                return MQTTErrorCode.MQTT_ERR_SUCCESS
        return super()._packet_read()

    def _take_publish(self) -> bool:
        """Whether there was a whole message to hand over; everything else, and everything odd, is left to paho."""
        data, start = self._bytes, self._at
        kind = data[start] & _KIND
        if kind | _QOS_1 != _PUBLISH | _QOS_1:
            return False
        body, end = _span(data, start)
        if not body + 2 <= end <= len(data):
            return False
        topic = body + 2 + (data[body] << 8 | data[body + 1])
        payload = topic + (kind & _QOS_1)
        if payload > end:
            return False
        self._at = end
        name = data[body + 2 : topic].decode("utf-8", "replace")
        self.on_received(name, data[payload:end], bool(data[start] & _RETAIN))
        if payload > topic:
            self._confirmed += b"\x40\x02" + data[topic:payload]
        return True

    def _send_puback(self, mid: int) -> MQTTErrorCode:
        # Those of messages that paho read, for instance as they came in two pieces: in the order of the messages.
        self._confirmed += b"\x40\x02" + mid.to_bytes(2)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _packet_write(self) -> MQTTErrorCode:
        if len(self._out_packet) > 1:
            self._join()
        return super()._packet_write()

    def _join(self) -> None:
        """Makes one of the packets that wait: all but those after which something has to be done."""
        parts: list[bytes | bytearray] = []
        size = 0
        while self._out_packet and size < _WRITE and self._out_packet[0]["command"] & 0xF0 != MessageType.DISCONNECT:
            packet = self._out_packet.popleft()
            parts.append(packet["packet"][packet["pos"] :] if packet["pos"] else packet["packet"])
            size += packet["to_process"]
        if parts:
            self._out_packet.appendleft(_written(b"".join(parts)))


def _written(packet: bytes) -> Any:  # noqa: ANN401 - a type that paho has only for type checkers
    """Bytes as paho keeps them until they are written, of a kind that it forgets then."""
    return {
        "command": MessageType.PUBACK, "mid": 0, "qos": 1, "pos": 0, "to_process": len(packet), "packet": packet,
        "info": None,
    }  # fmt: skip


def _span(data: bytes, start: int) -> tuple[int, int]:
    """Where a packet's body begins and ends; (0, -1) while its length is not all there, or is none."""
    length = shift = 0
    for at in range(start + 1, min(start + 5, len(data))):
        byte = data[at]
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return at + 1, at + 1 + length
        shift += 7
    return 0, -1
