"""What one client is sent: the window of unacknowledged messages, and the queue behind it. No socket of its own."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from broker.counters import Counters
from broker.encoding import pubrel
from broker.lines import Lines
from broker.message import Message, again
from broker.waiting import Room, Waiting
from rigwatch.clock import Clock, SystemClock
from rigwatch.settings.server import BrokerLimits

log = logging.getLogger(__name__)

_MAX_ID: Final = 65_535
WINDOW_BYTES: Final = 1024 * 1024
"""Bytes on their way to one client and not confirmed: what comes after them can overtake nothing of it."""
_TOO_LARGE: Final = "larger than the client takes"
_FULL: Final = "client does not keep up, its oldest messages are dropped"


Encode: TypeAlias = Callable[[Message, int, int], bytes]
"""Makes the PUBLISH of a message, a QoS and a packet id; empty: the client takes none that large."""


class Wire(Protocol):
    """A live connection as the sender sees it."""

    @property
    def writable(self) -> bool:
        """False while the peer does not keep up; messages then wait here, where they are counted."""
        ...

    def send(self, packet: bytes) -> None: ...


class InFlight:
    """A message that was sent and is not acknowledged yet."""

    __slots__ = ("message", "qos", "received")

    def __init__(self, message: Message, qos: int) -> None:
        self.message = message
        self.qos = qos
        self.received = False
        """QoS 2: the client has it, and only the end of the exchange is missing."""


class Outgoing:
    """Delivers in order, with at most `limits.inflight` messages unacknowledged, or as many as the client takes;
    outlives its connections.

    `room` is what its account has waiting in all, of which `queue_bytes` are allowed.
    """

    __slots__ = (
        "_counters", "_encode", "_last_id", "_limits", "_lines", "_most", "_name", "_now", "_queue_bytes", "_room",
        "_unsent", "_waiting", "_window", "_window_bytes", "wire",
    )  # fmt: skip

    def __init__(
        self,
        limits: BrokerLimits,
        counters: Counters,
        *,
        name: str,
        queue_bytes: int = 0,
        room: Room | None = None,
        lines: Lines | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.wire: Wire | None = None
        self._now = (clock or SystemClock()).monotonic
        self._lines = lines or Lines(clock or SystemClock())
        self._encode: Encode = Message.packet
        self._most = limits.inflight
        self._unsent: deque[int] = deque()
        self._queue_bytes = queue_bytes or limits.queue_bytes
        self._room = room or Room()
        self._window_bytes = 0
        self._limits = limits
        self._counters = counters
        self._window: dict[int, InFlight] = {}
        self._waiting: Waiting | None = None
        self._name = name
        self._last_id = 0

    @property
    def in_flight(self) -> int:
        return len(self._window)

    @property
    def waiting(self) -> int:
        return len(self._waiting) if self._waiting else 0

    def deliver(self, message: Message, qos: int) -> None:
        """Sends now if the client keeps up, else queues; at QoS 0 an absent client gets nothing."""
        wire = self.wire
        if wire is None:
            if qos:
                self._queue(message, qos)
        elif not wire.writable or self._waiting:
            self._queue(message, qos)
        elif not qos:
            self._send_unnumbered(wire, message)
        elif self._has_room(message):
            self._send(wire, message, qos)
        else:
            self._queue(message, qos)

    def acknowledged(self, packet_id: int) -> bool:
        """PUBACK. One that nobody waits for is harmless: the client repeats itself. Says whether it was waited for."""
        delivery = self._window.get(packet_id)
        if delivery is None or delivery.qos != 1:
            return False
        self._confirm(packet_id, delivery)
        return True

    def received(self, packet_id: int) -> bool:
        """PUBREC: whether it was waited for. It is answered in any case, or the client would ask for ever."""
        delivery = self._window.get(packet_id)
        if delivery is None or delivery.qos != 2:
            return False
        delivery.received = True
        return True

    def rejected(self, packet_id: int) -> None:
        """PUBREC that refuses the message, which ends its exchange."""
        delivery = self._window.get(packet_id)
        if delivery is not None and delivery.qos == 2:
            self._confirm(packet_id, delivery)

    def completed(self, packet_id: int) -> None:
        """PUBCOMP."""
        delivery = self._window.get(packet_id)
        if delivery is not None and delivery.received:
            self._confirm(packet_id, delivery)

    def resume(self, wire: Wire, encode: Encode = Message.packet, most: int | None = None) -> None:
        """A client is back: what it did not acknowledge goes out again, in the old order (§4.4), then what waited.

        `most` is what it takes without having acknowledged any of it.
        """
        self.wire = wire
        self._encode = encode
        self._most = min(self._limits.inflight, most or self._limits.inflight)
        self._unsent = deque(self._window)
        self.pump()

    def pause(self) -> None:
        """The client has gone; what it may still need stays."""
        self.wire = None
        self._encode = Message.packet
        if self._waiting:
            self._counters.drop("client gone", self._waiting.drop_lossy())

    def discard(self) -> None:
        """The session is over: what waits in it makes room."""
        if self._waiting:
            self._waiting.drop_all()

    def pump(self) -> None:
        """Sends from the queue until it is empty, the window is full, or the client does not keep up."""
        wire, waiting = self.wire, self._waiting
        if wire is None:
            return
        if self._unsent:
            self._send_again(wire)
        while waiting and not self._unsent and wire.writable:
            message, qos = waiting.first()
            if qos and not self._has_room(message):
                return
            waiting.pop()
            if qos:
                self._send(wire, message, qos)
            else:
                self._send_unnumbered(wire, message)
        if waiting is not None and not waiting:
            self._waiting = None

    def _send_again(self, wire: Wire) -> None:
        """What an earlier connection left unacknowledged; of it as much as this client takes."""
        while self._unsent and len(self._window) - len(self._unsent) < self._most:
            packet_id = self._unsent.popleft()
            delivery = self._window.get(packet_id)
            if delivery is None:
                continue
            if delivery.received:
                wire.send(pubrel(packet_id))
            elif packet := self._encode(delivery.message, delivery.qos, packet_id):
                self._counters.messages_sent += 1
                wire.send(again(packet))
            else:
                self._counters.drop(_TOO_LARGE)
                self._forget(packet_id, delivery)

    def _has_room(self, message: Message) -> bool:
        if len(self._window) >= self._most or self._unsent:
            return False
        return not self._window or self._window_bytes + message.size <= WINDOW_BYTES

    def _confirm(self, packet_id: int, delivery: InFlight) -> None:
        self._forget(packet_id, delivery)
        if self._waiting or self._unsent:
            self.pump()

    def _forget(self, packet_id: int, delivery: InFlight) -> None:
        del self._window[packet_id]
        self._window_bytes -= delivery.message.size

    def _send_unnumbered(self, wire: Wire, message: Message) -> None:
        if message.expires_at is not None and not self._is_due(message):
            return
        packet = self._encode(message, 0, 0)
        if not packet:
            self._counters.drop(_TOO_LARGE)
            return
        self._counters.messages_sent += 1
        wire.send(packet)

    def _send(self, wire: Wire, message: Message, qos: int) -> None:
        if message.expires_at is not None and not self._is_due(message):
            return
        packet_id = self._last_id % _MAX_ID + 1
        while packet_id in self._window:
            packet_id = packet_id % _MAX_ID + 1
        packet = self._encode(message, qos, packet_id)
        if not packet:
            self._counters.drop(_TOO_LARGE)
            return
        self._last_id = packet_id
        self._window[packet_id] = InFlight(message, qos)
        self._window_bytes += message.size
        self._counters.messages_sent += 1
        wire.send(packet)

    def _is_due(self, message: Message) -> bool:
        """Whether its time has not passed while it waited."""
        if not message.is_expired(self._now()):
            return True
        self._counters.drop("expired")
        return False

    def _queue(self, message: Message, qos: int) -> None:
        if self._waiting is None:
            self._waiting = Waiting(self._limits.queue_messages, self._queue_bytes, self._room)
        dropped = self._waiting.push(message, qos)
        if dropped:
            self._counters.drop("queue full", dropped)
            self._lines.warning(log, _FULL, self._name, "client=%s", self._name)
