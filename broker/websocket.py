"""MQTT over WebSocket: unwraps what a browser sends and hands the bytes to an ordinary connection. No MQTT in here.

The frames are read by the websockets library, a few kilobytes at a time: it handles all that it is given in one go, and
answers pings by itself, so that how much it is given is what limits it.
"""

import asyncio
import logging
from typing import Any, Final

from websockets.exceptions import InvalidState
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State as Phase
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from broker.allowance import Allowance
from broker.connection import CONNECT_SIZE, WRITE_BUFFER_MAX, Connection, State
from broker.endings import CONNECTION_LOST
from broker.server import Server
from rigwatch.settings.server import BrokerLimits

# The name that the standard gives (§6).
_MQTT: Final = Subprotocol("mqtt")
_DATA: Final = {Opcode.BINARY, Opcode.CONT}
# Some hundred of the smallest frames, a few milliseconds.
_SLICE: Final = 2048
# A browser's request has a kilobyte or two, with cookies a few more.
_HANDSHAKE: Final = 16 * 1024
# A packet may come in two frames, and a ping between.
_FRAMES_A_PACKET: Final = 2
# The library would write a traceback for bytes that it did not expect. What is wrong is said by the connection, once.
_UNHEARD: Final = logging.getLogger(f"{__name__}.library")
_UNHEARD.disabled = True


class WebSocket(asyncio.Protocol):
    """Between a socket and a `Connection`, for which it acts as the transport."""

    def __init__(self, connection: Connection, server: Server, limits: BrokerLimits) -> None:
        self._connection = connection
        self._server = server
        self._message_size = limits.packet_size
        self._transport: asyncio.Transport | None = None
        first = min(CONNECT_SIZE, limits.packet_size)
        self._protocol = ServerProtocol(subprotocols=[_MQTT], max_size=first, logger=_UNHEARD)
        self._upgraded = False
        self._handshake = 0
        self._data = b""
        self._at = 0
        self._stopped = False
        self.is_closing = False
        self._allowance = Allowance(
            packets=_FRAMES_A_PACKET * limits.messages_per_second,
            size=_FRAMES_A_PACKET * limits.bytes_per_second,
            logins=1,
            now=server.tick,
        )
        connection.outer = self

    @property
    def has_partial(self) -> bool:
        """Whether a frame, or the request before all frames, has begun and not ended."""
        return bool(self._protocol.reader.buffer)

    # From the socket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TLS transports of asyncio and of uvloop act as one without being a subclass.
        self._transport = transport  # type: ignore[assignment]
        self._connection.connection_made(_Inner(self))

    def data_received(self, data: bytes) -> None:
        self._data, self._at = self._data[self._at :] + data, 0
        self._read_on()

    def eof_received(self) -> None:
        # What is left of the frame before it will never be whole.
        self._connection.hang_up(CONNECTION_LOST)

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
        """Says so and reads on for the peer's answer, or that would hit a socket that is gone; the sweeper waits no
        longer than for any other that closes."""
        if self._upgraded and self._protocol.state is Phase.OPEN:
            self._protocol.send_close(CloseCode.NORMAL_CLOSURE)
            self._send_out()
            self.is_closing = True
            self.go_on_reading()
            return
        self._send_out()
        if self._transport is not None:
            self._transport.close()

    def stop_reading(self) -> None:
        self._stopped = True
        self._regulate()

    def go_on_reading(self) -> None:
        self._stopped = False
        self._read_on()

    def unthrottle(self) -> None:
        """Time has passed."""
        self._read_on()

    # Reading

    def _read_on(self) -> None:
        """Handles what is there until it is told to stop, or more frames came than may."""
        while self._at < len(self._data) and self._may_read():
            if self._allowance.is_spent(self._server.tick):
                self._server.throttle(self)
                break
            part = self._data[self._at : self._at + _SLICE]
            self._at += len(part)
            self._take(part)
        self._regulate()

    def _may_read(self) -> bool:
        return not self._stopped and (self.is_closing or self._connection.state is not State.ENDED)

    def _take(self, part: bytes) -> None:
        protocol = self._protocol
        if self._connection.state is State.LIVE:
            protocol.max_size = self._message_size
        try:
            protocol.receive_data(part)
            events = protocol.events_received()
            self._allowance.spend(len(events), len(part))
            for event in events:
                self._handle(event)
        except Exception as exc:  # noqa: BLE001 - named just below
            # The boundary to the library: whatever fails in there is the fault of bytes that it did not expect. The
            # connection ends, as any does that breaks the protocol; what came before these bytes is done already.
            self._connection.hang_up(f"protocol: WebSocket: {type(exc).__name__}")
            return
        self._handshake += len(part) if not self._upgraded else 0
        self._send_out()
        if self._handshake > _HANDSHAKE:
            self._connection.hang_up("protocol: WebSocket: request too long")
        elif protocol.close_expected() or protocol.state is Phase.CLOSED:
            self._connection.hang_up(self._why_closed())

    def _why_closed(self) -> str:
        fault = self._protocol.handshake_exc or self._protocol.parser_exc
        if fault is None and self._protocol.close_rcvd is not None:
            return "connection lost"
        return f"protocol: WebSocket: {fault or 'closed'}"

    def _handle(self, event: object) -> None:
        if isinstance(event, Request):
            self._upgrade(event)
        elif isinstance(event, Frame) and event.opcode in _DATA:
            self._connection.data_received(bytes(event.data))
        elif isinstance(event, Frame) and event.opcode is Opcode.TEXT and self._protocol.state is Phase.OPEN:
            self._protocol.fail(CloseCode.UNSUPPORTED_DATA)

    def _upgrade(self, request: Request) -> None:
        response = self._protocol.accept(request)
        self._protocol.send_response(response)
        self._upgraded = response.status_code == 101

    def _regulate(self) -> None:
        """Reads from the socket only when there is nothing left to do: so what is held is one read of it at most."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if self._stopped or self._at < len(self._data):
            transport.pause_reading()
        else:
            transport.resume_reading()

    # Writing

    def _send_out(self) -> None:
        for data in self._protocol.data_to_send():
            transport = self._transport
            if transport is None or transport.is_closing():
                return
            if not data:
                transport.close()
                return
            transport.write(data)
        if self._transport is not None and self._transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            self._connection.unread()


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

    def can_write_eof(self) -> bool:
        """Closing says so and reads on as it is."""
        return False

    def is_closing(self) -> bool:
        return self._outer.is_closing or self._outer.socket is None or self._outer.socket.is_closing()

    def pause_reading(self) -> None:
        self._outer.stop_reading()

    def resume_reading(self) -> None:
        self._outer.go_on_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        if self._outer.socket is not None:
            self._outer.socket.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._outer.socket.get_write_buffer_size() if self._outer.socket is not None else 0
