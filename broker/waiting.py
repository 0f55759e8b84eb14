"""Messages that wait for a client, bounded in number and bytes. Pure; sending and windows are in `broker.outgoing`."""

from collections import deque

from broker.message import Message


class Room:
    """Bytes that wait for all clients of one account."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


class Waiting:
    """First in, first out, but for what tells of a node's life: that goes before everything else that waits.

    Full, it gives up the oldest: what is of QoS 0 first, then events, states after them, and births and deaths last. A
    state is what was published to be kept: nobody says it again, while who reports waits for an ack.
    """

    __slots__ = ("_length", "_max_bytes", "_max_messages", "_next", "_queues", "_room")

    def __init__(self, max_messages: int, max_bytes: int, room: Room | None = None) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        # In the order in which they are given up, with one numbering: the oldest of all is found without a search.
        self._queues: tuple[deque[tuple[int, Message, int]], ...] = (deque(), deque(), deque(), deque())
        self._length = 0
        self._room = room or Room()
        self._next = 0

    def __len__(self) -> int:
        return self._length

    def push(self, message: Message, qos: int) -> int:
        """Adds a message; returns how many had to go for it."""
        self._next += 1
        self._length += 1
        self._room.used += message.size
        self._queues[_rank(message, qos)].append((self._next, message, qos))
        dropped = 0
        while self._length and (self._length > self._max_messages or self._room.used > self._max_bytes):
            self._take(next(queue for queue in self._queues if queue))
            dropped += 1
        return dropped

    def first(self) -> tuple[Message, int]:
        """The message that `pop` would give, and its QoS; there must be one."""
        _, message, qos = self._first()[0]
        return message, qos

    def pop(self) -> tuple[Message, int]:
        _, message, qos = self._take(self._first())
        return message, qos

    def drop_lossy(self) -> int:
        """Forgets what waits at QoS 0, because its client has gone; returns how many."""
        count = 0
        while self._queues[0]:
            self._take(self._queues[0])
            count += 1
        return count

    def drop_all(self) -> None:
        while self._length:
            self._take(self._first())

    def _first(self) -> deque[tuple[int, Message, int]]:
        lossy, events, states, lives = self._queues
        if lives:
            return lives
        first = events or states or lossy
        for other in (states, lossy):
            if other and other[0][0] < first[0][0]:
                first = other
        return first

    def _take(self, queue: deque[tuple[int, Message, int]]) -> tuple[int, Message, int]:
        taken = queue.popleft()
        self._length -= 1
        self._room.used -= taken[1].size
        return taken


def _rank(message: Message, qos: int) -> int:
    if not qos:
        return 0
    # By the topic, so that messages of one topic keep their order (§4.6).
    if message.is_life:
        return 3
    return 2 if message.is_state else 1
