"""One client's socket: bytes in and out, and the life of the connection. What packets mean is in `broker.client`."""

import asyncio
import logging
from enum import Enum, auto
from typing import Final

from broker.allowance import Allowance
from broker.client import ClientProtocol
from broker.connect import Connect, UnknownProtocol, is_version_5, read_connect
from broker.encoding import connack
from broker.encoding5 import connack5
from broker.endings import CONNECTION_LOST
from broker.frames import FrameReader, Violation
from broker.lines import network_of
from broker.packets import Kind
from broker.reasons import Reason
from broker.server import HoldsPart, Server
from rigwatch.takeover import Place

log = logging.getLogger(__name__)

# A CONNECT holds a name, a password and a will; before it nobody may make the broker hold more.
CONNECT_SIZE: Final = 64 * 1024
# Above this the transport says `pause_writing`, and messages wait in the session, where they are counted and bounded.
_WRITE_BUFFER: Final = 64 * 1024
# Acknowledgements and pings are written all the same; who does not read even those is closed.
WRITE_BUFFER_MAX: Final = 1024 * 1024
# A peer that does not take the last packets is not waited for, nor one that goes on sending instead of closing.
_LINGER: Final = 2.0
_UNHEARD: Final = 4 * 1024 * 1024
# What one client may have done before all others have their turn: packets, or 16 KiB of one; a few milliseconds.
_TURN: Final = 256
_BYTES_A_STEP: Final = 14
_WORK: Final = 32
_PROTOCOL: Final = "protocol: "
_REASON: Final = 200
_MAY_BE_CONNECT: Final = (Kind.CONNECT << 4, None)
_FOREVER: Final = float("inf")
# PUBACK to PUBCOMP: as many as the broker asked for, so they are not counted against the sender.
_ACKNOWLEDGEMENTS: Final = range(Kind.PUBACK << 4, (Kind.PUBCOMP + 1) << 4)


class State(Enum):
    """Where a connection stands; it only moves down."""

    SILENT = auto()
    """No CONNECT has come."""
    DECIDING = auto()
    """Its login is being checked."""
    LIVE = auto()
    ENDED = auto()
    """Over as far as MQTT goes; the socket may still be closing."""


class Connection(asyncio.Protocol):
    """Frames are handled in the call that brings them; nothing here waits, so nobody can hold up anybody else."""

    __slots__ = (
        "_allowance",
        "_is_5",
        "_out",
        "_out_size",
        "_paused",
        "_reader",
        "_server",
        "_transport",
        "_unheard",
        "address",
        "client",
        "opening",
        "outer",
        "partial_at",
        "place",
        "seen",
        "state",
        "timeout",
        "writable",
    )  # fmt: skip

    def __init__(self, server: Server, place: Place, packet_size: int) -> None:
        self._server = server
        self._reader = FrameReader(min(CONNECT_SIZE, packet_size))
        self._transport: asyncio.Transport | None = None
        self._out: list[bytes] = []
        self._out_size = 0
        self._paused = False
        self._allowance: Allowance | None = None
        self._is_5 = False
        self._unheard = 0
        self.place = place
        self.address = place[0]
        self.state = State.SILENT
        self.client: ClientProtocol | None = None
        self.opening: asyncio.Task[None] | None = None
        """Brings the socket, which takes a while where there is a handshake."""
        self.seen = server.tick
        """Broker time of the last whole packet after the login: half a packet is no sign of life."""
        self.timeout = server.connect_timeout
        """Seconds since `seen` after which the connection is ended: until the login, in a dialogue, while closing."""
        self.partial_at: float | None = None
        """Since when the sweeper has seen half a packet; it watches clients without a keep-alive for that."""
        self.writable = True
        self.outer: HoldsPart | None = None
        """What unwraps the bytes before they come here, if anything does."""

    # From the transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # TLS and WebSocket transports are no subclasses of asyncio.Transport, but act as one.
        self._transport = transport  # type: ignore[assignment]
        self._transport.set_write_buffer_limits(high=_WRITE_BUFFER)  # type: ignore[union-attr]
        if self.state is State.ENDED:
            self.abort()

    def data_received(self, data: bytes) -> None:
        if self.state is State.ENDED:
            self._unheard += len(data)
            if self._unheard > _UNHEARD:
                self.abort()
            return
        self._server.counters.bytes_received += len(data)
        self._reader.feed(data)
        # Paused, and this was under way already: it waits for its turn like the rest.
        if not self._paused:
            self._read_on()

    def pause_writing(self) -> None:
        self.writable = False

    def resume_writing(self) -> None:
        self.writable = True
        if self.client is not None and self.state is State.LIVE:
            self.client.session.outgoing.pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        # While its login is checked, what it sent before it went still counts: `welcome` reads that, and then ends.
        if self.state is not State.DECIDING:
            self.end(CONNECTION_LOST if exc is None else type(exc).__name__)
        self._server.closed(self)

    def never_opened(self) -> None:
        """The handshake failed: there will be no transport."""
        self.end("handshake failed")
        self._server.closed(self)

    # Reading

    def _read_on(self) -> None:
        try:
            self._handle_frames()
        except UnknownProtocol as unknown:
            self.reject(unknown.reason)
        except Violation as violation:
            if self._is_5 and self.client is None:
                self.send(connack5(violation.reason))
            self.end(f"{_PROTOCOL}{violation}", violation.reason)

    def _handle_frames(self) -> None:
        """Handles the frames that are there, until there is none, the login has to be checked, it is too fast, or it
        is time for the others."""
        server = self._server
        turn = 0.0
        if self.state is State.SILENT and self._reader.first_byte not in _MAY_BE_CONNECT:
            # Whoever speaks HTTP or TLS here must not be waited for until "their packet" is complete.
            raise Violation("not MQTT")
        while self.state is State.LIVE or self.state is State.SILENT:
            allowance, client = self._allowance, self.client
            if allowance is not None and allowance.is_spent(server.tick):
                self._pause()
                server.throttle(self)
                return
            if turn >= _TURN:
                self._pause()
                server.take_turns(self)
                return
            if client is not None and client.is_busy:
                client.work()
                turn += _WORK
                self._charge(0, 0)
                continue
            frame = self._reader.next()
            if frame is None:
                return
            first, body = frame
            turn += 1 + (len(body) >> _BYTES_A_STEP)
            if client is None:
                self._handle_first(body)
                continue
            self.seen = server.tick
            if not client.handle(first, body):
                self.end("")
            turn += client.cost
            self._charge(first not in _ACKNOWLEDGEMENTS, len(body) + 2)

    def _charge(self, packets: float, size: int) -> None:
        if self._allowance is not None and self.client is not None:
            self._allowance.spend(packets + self.client.cost, size)
            self.client.cost = 0.0

    def _handle_first(self, body: bytes) -> None:
        self._is_5 = is_version_5(body)
        connect = read_connect(body)
        self.state = State.DECIDING
        self._server.authenticate(self, connect)
        # Most logins are decided by now; only one that takes time has to hold back what follows it.
        if self.state.value == State.DECIDING.value:
            self._pause()

    def unthrottle(self) -> None:
        """Called when time has passed. The silence meanwhile was the broker's doing, not the client's."""
        if self.state is State.LIVE:
            self.seen = self._server.tick
            self._resume()

    def go_on(self) -> None:
        """Called when the others had their turn."""
        if self.state is State.LIVE:
            self._resume()

    def _pause(self) -> None:
        self._paused = True
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def _resume(self) -> None:
        self._paused = False
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()
        # What unwraps bytes may have brought some already, and have been told to stop again.
        if not self._paused:
            self._read_on()

    @property
    def has_partial(self) -> bool:
        return self._reader.has_partial or (self.outer is not None and self.outer.has_partial)

    # The decision about a CONNECT

    def accept(
        self, client: ClientProtocol, connect: Connect, *, allowance: Allowance, packet_size: int, session_present: bool
    ) -> None:
        """The login is right: answers, sends what waited, and reads on."""
        self.client = client
        self.state = State.LIVE
        self.seen = self._server.tick
        self.timeout = client.keep_alive * 1.5 or _FOREVER
        self._allowance = allowance
        allowance.connections += 1
        self._reader.limit = packet_size
        client.send_connack(connect, session_present=session_present, packet_size=packet_size)
        if self._paused:
            self._resume()
        if self._transport is None:
            self.end(CONNECTION_LOST)

    def reject(self, reason: Reason) -> None:
        """Answers with the reason and closes; nothing of the client's is kept."""
        if self.state is not State.ENDED:
            self.send(connack5(reason) if self._is_5 else connack(reason))
            self._finish()

    # Writing

    def send(self, packet: bytes) -> None:
        """Writes with everything else that this turn of the event loop brings for the client."""
        if not self._out:
            self._server.flush_soon(self)
        self._out.append(packet)
        self._out_size += len(packet)
        if self._out_size > _WRITE_BUFFER:
            self.flush()

    def flush(self) -> None:
        """May be called amid a delivery to many, so it ends nothing itself: aborting does that in a later turn."""
        out, size, transport = self._out, self._out_size, self._transport
        if not out:
            return
        self._out, self._out_size = [], 0
        if transport is None or transport.is_closing():
            return
        transport.write(out[0] if len(out) == 1 else b"".join(out))
        self._server.counters.bytes_sent += size
        if not self.writable and transport.get_write_buffer_size() > WRITE_BUFFER_MAX:
            self.unread()

    def unread(self) -> None:
        """The peer has asked for more than it takes."""
        if self._transport is not None and not self._transport.is_closing():
            lines = self._server.lines
            who = network_of(self.address)
            lines.warning(log, "client does not read, closed", who, "address=%s", self.address)
            self._transport.abort()

    # Ending

    def end(self, reason: str, code: Reason = Reason.UNSPECIFIED) -> None:
        """Ends MQTT at once and closes; without a reason, because the client said goodbye. Safe to call at any time.

        A client of MQTT 5 is told the code, and whoever looks at its log the reason.
        """
        if self.state is State.ENDED:
            return
        if reason and self.client is not None:
            self._send_disconnect(self.client.disconnect_packet(code, reason.removeprefix(_PROTOCOL)))
        if not reason or self._out:
            self._finish(told=bool(reason))
        else:
            self._over()
            self.abort()
        self._tell_end(reason)

    def _send_disconnect(self, packet: bytes) -> None:
        if packet:
            self.send(packet)
        else:
            # What else there was is not waited for: the client may be gone.
            self._out.clear()
            self._out_size = 0

    def hang_up(self, reason: str) -> None:
        """As `end`, but what was sent goes out first."""
        if self.state is not State.ENDED:
            self._finish()
            self._tell_end(reason)

    def _tell_end(self, reason: str) -> None:
        if self.client is not None:
            self._server.counters.closed[reason.partition(":")[0] or "goodbye"] += 1
            client, self.client = self.client, None
            client.end(reason)
        elif reason.startswith(_PROTOCOL):
            self._server.lines.info(
                log, "not understood, closed", network_of(self.address),
                "address=%s reason=%s", self.address, reason[:_REASON],
            )  # fmt: skip

    def rights_changed(self) -> None:
        if self.client is not None:
            self.client.rights_changed()

    def abort(self) -> None:
        """Never wait for a peer that may not read: what it did not take is dropped."""
        if self._transport is not None:
            self._transport.abort()
        elif self.opening is not None:
            self.opening.cancel()

    def abandon(self) -> None:
        """The broker stops: closes without a will, for it is not the client that went."""
        packet = b""
        if self.state is State.LIVE and self.client is not None:
            packet = self.client.disconnect_packet(Reason.SHUTTING_DOWN, "the broker stops")
        self.state = State.ENDED
        if packet and self._transport is not None:
            self.send(packet)
            self.flush()
            self._transport.close()
        else:
            self.abort()

    def _finish(self, *, told: bool = True) -> None:
        """Closes after what was sent has gone out; the sweeper aborts when the peer does not take it.

        `told`: the last packet says why. What the peer is sending meanwhile is taken and thrown away until it closes
        as well: closing over unread bytes resets the connection, which takes that packet away from it.
        """
        self.flush()
        self._over()
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        if not told or not transport.can_write_eof():
            transport.close()
            return
        try:
            transport.write_eof()
            transport.resume_reading()
        except (OSError, RuntimeError):
            # The peer is gone already, which asyncio's transports say here; and this may be the turn of another client,
            # which has taken its session over.
            transport.abort()

    def _over(self) -> None:
        self.state = State.ENDED
        if self._allowance is not None:
            self._allowance.connections -= 1
            self._allowance = None
        self.seen, self.timeout = self._server.tick, _LINGER
        # An absent session keeps this connection; what came of a packet is nobody's any more.
        self._reader = FrameReader(0)
        self._server.left(self)
