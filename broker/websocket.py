"""MQTT over WebSocket: unwraps what a browser sends and hands the bytes to an ordinary connection. No MQTT in here."""

import asyncio
from typing import Any, Final

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from broker.connection import Connection

# The name that the standard gives (§6).
_MQTT: Final = Subprotocol("mqtt")
_DATA: Final = {Opcode.BINARY, Opcode.CONT}


class WebSocket(asyncio.Protocol):
    """Between a socket and a `Connection`, for which it acts as the transport."""

    def __init__(self, connection: Connection, *, message_size: int) -> None:
        self._connection = connection
        self._transport: asyncio.Transport | None = None
        self._protocol = ServerProtocol(subprotocols=[_MQTT], max_size=message_size)
        self._upgraded = False

    # From the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TLS transports of asyncio and of uvloop act as one without being a subclass.
        self._transport = transport  # type: ignore[assignment]
        self._connection.connection_made(_Inner(self))

    def data_received(self, data: bytes) -> None:
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if isinstance(event, Request):
                self._upgrade(event)
            elif isinstance(event, Frame) and event.opcode in _DATA:
                self._connection.data_received(bytes(event.data))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                self._protocol.fail(CloseCode.UNSUPPORTED_DATA)
        self._send_out()

    def eof_received(self) -> None:
        self._protocol.receive_eof()

    def pause_writing(self) -> None:
        self._connection.pause_writing()

    def resume_writing(self) -> None:
        self._connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._connection.connection_lost(exc)

    # For the connection

    @property
    def socket(self) -> asyncio.Transport | None:
        return self._transport

    def write(self, data: bytes) -> None:
        try:
            self._protocol.send_binary(data)
        except InvalidState:
            # The closing handshake has begun: what is sent now goes to nobody.
            return
        self._send_out()

    def close(self) -> None:
        if self._upgraded:
            self._protocol.fail(CloseCode.NORMAL_CLOSURE)
            self._send_out()
        if self._transport is not None:
            self._transport.close()

    def _upgrade(self, request: Request) -> None:
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._upgraded = response.status_code == 101 and self._protocol.subprotocol == _MQTT
        if not self._upgraded:
            self._send_out()
            self._connection.end("not MQTT over WebSocket")

    def _send_out(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            self._protocol.data_to_send()
            return
        for data in self._protocol.data_to_send():
            if data:
                transport.write(data)
            else:
                transport.close()


class _Inner(asyncio.Transport):
    """The transport that the connection sees."""

    def __init__(self, outer: WebSocket) -> None:
        super().__init__()
        self._outer = outer

    def write(self, data: Any) -> None:  # noqa: ANN401 - asyncio's signature
        self._outer.write(data)

    def close(self) -> None:
        self._outer.close()

    def abort(self) -> None:
        if self._outer.socket is not None:
            self._outer.socket.abort()

    def is_closing(self) -> bool:
        return self._outer.socket is None or self._outer.socket.is_closing()

    def pause_reading(self) -> None:
        if self._outer.socket is not None:
            self._outer.socket.pause_reading()

    def resume_reading(self) -> None:
        if self._outer.socket is not None:
            self._outer.socket.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._outer.socket is not None:
            self._outer.socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._outer.socket.get_write_buffer_size() if self._outer.socket is not None else 0
