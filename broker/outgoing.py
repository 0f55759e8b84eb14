"""What one client is sent: the window of unacknowledged messages, and the queue behind it. No socket of its own."""

import logging
from typing import Final, Protocol

from broker.counters import Counters
from broker.encoding import pubrel
from broker.lines import Lines
from broker.message import Message
from broker.waiting import Room, Waiting
from rigwatch.clock import SystemClock
from rigwatch.settings.server import BrokerLimits

log = logging.getLogger(__name__)

_MAX_ID: Final = 65_535
WINDOW_BYTES: Final = 1024 * 1024
"""Bytes on their way to one client and not confirmed: what comes after them can overtake nothing of it."""
_FULL: Final = "client does not keep up, its oldest messages are dropped"


class Wire(Protocol):
    """A live connection as the sender sees it."""

    @property
    def writable(self) -> bool:
        """False while the peer does not keep up; messages then wait here, where they are counted."""
        ...

    def send(self, packet: bytes) -> None: ...


class Delivery:
    """A message that was sent and is not acknowledged yet."""

    __slots__ = ("message", "qos", "received")

    def __init__(self, message: Message, qos: int) -> None:
        self.message = message
        self.qos = qos
        self.received = False
        """QoS 2: the client has it, and only the end of the exchange is missing."""


class Outgoing:
    """Delivers in order, with at most `limits.inflight` messages unacknowledged; outlives its connections.

    `room` is what its account has waiting in all, of which `queue_bytes` are allowed.
    """

    __slots__ = (
        "_counters", "_last_id", "_limits", "_lines", "_name", "_queue_bytes", "_room", "_waiting", "_window",
        "_window_bytes", "wire",
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
    ) -> None:
        self.wire: Wire | None = None
        self._lines = lines or Lines(SystemClock())
        self._queue_bytes = queue_bytes or limits.queue_bytes
        self._room = room or Room()
        self._window_bytes = 0
        self._limits = limits
        self._counters = counters
        self._window: dict[int, Delivery] = {}
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
            self._counters.messages_sent += 1
            wire.send(message.unnumbered())
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

    def received(self, packet_id: int) -> None:
        """PUBREC, answered in any case, or the client would ask for ever."""
        delivery = self._window.get(packet_id)
        if delivery is not None and delivery.qos == 2:
            delivery.received = True
        if self.wire is not None:
            self.wire.send(pubrel(packet_id))

    def completed(self, packet_id: int) -> None:
        """PUBCOMP."""
        delivery = self._window.get(packet_id)
        if delivery is not None and delivery.received:
            self._confirm(packet_id, delivery)

    def resume(self, wire: Wire) -> None:
        """A client is back: what it did not acknowledge goes out again, in the old order (§4.4), then what waited."""
        self.wire = wire
        for packet_id, delivery in self._window.items():
            if delivery.received:
                wire.send(pubrel(packet_id))
            else:
                self._counters.messages_sent += 1
                wire.send(delivery.message.repeated(packet_id, delivery.qos))
        self.pump()

    def pause(self) -> None:
        """The client has gone; what it may still need stays."""
        self.wire = None
        if self._waiting:
            self._counters.drop("client gone", self._waiting.drop_lossy())

    def discard(self) -> None:
        """The session is over: what waits in it makes room."""
        if self._waiting:
            self._waiting.drop_all()

    def pump(self) -> None:
        """Sends from the queue until it is empty, the window is full, or the client does not keep up."""
        wire, waiting = self.wire, self._waiting
        while wire is not None and waiting and wire.writable:
            message, qos = waiting.first()
            if qos and not self._has_room(message):
                return
            waiting.pop()
            if qos:
                self._send(wire, message, qos)
            else:
                self._counters.messages_sent += 1
                wire.send(message.unnumbered())
        if waiting is not None and not waiting:
            self._waiting = None

    def _has_room(self, message: Message) -> bool:
        if len(self._window) >= self._limits.inflight:
            return False
        return not self._window or self._window_bytes + message.size <= WINDOW_BYTES

    def _confirm(self, packet_id: int, delivery: Delivery) -> None:
        del self._window[packet_id]
        self._window_bytes -= delivery.message.size
        if self._waiting:
            self.pump()

    def _send(self, wire: Wire, message: Message, qos: int) -> None:
        packet_id = self._last_id % _MAX_ID + 1
        while packet_id in self._window:
            packet_id = packet_id % _MAX_ID + 1
        self._last_id = packet_id
        self._window[packet_id] = Delivery(message, qos)
        self._window_bytes += message.size
        self._counters.messages_sent += 1
        wire.send(message.numbered(packet_id, qos))

    def _queue(self, message: Message, qos: int) -> None:
        if self._waiting is None:
            self._waiting = Waiting(self._limits.queue_messages, self._queue_bytes, self._room)
        dropped = self._waiting.push(message, qos)
        if dropped:
            self._counters.drop("queue full", dropped)
            self._lines.warning(log, _FULL, self._name, "client=%s", self._name)
