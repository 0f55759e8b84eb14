"""Messages that wait for a client, bounded in number and bytes. Pure; sending and windows are in `broker.outgoing`."""

from collections import deque

from broker.message import Message


class Waiting:
    """First in, first out. Full, it gives up the oldest: messages of QoS 0 before any other."""

    __slots__ = ("_bytes", "_lossy", "_max_bytes", "_max_messages", "_next", "_safe")

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        # Two queues with one numbering: the oldest of either kind is found without a search.
        self._lossy: deque[tuple[int, Message]] = deque()
        self._safe: deque[tuple[int, Message, int]] = deque()
        self._bytes = 0
        self._next = 0

    def __len__(self) -> int:
        return len(self._lossy) + len(self._safe)

    def push(self, message: Message, qos: int) -> int:
        """Adds a message; returns how many had to go for it."""
        self._next += 1
        self._bytes += message.size
        if qos:
            self._safe.append((self._next, message, qos))
        else:
            self._lossy.append((self._next, message))
        dropped = 0
        while self and (len(self) > self._max_messages or self._bytes > self._max_bytes):
            gone = self._lossy.popleft()[1] if self._lossy else self._safe.popleft()[1]
            self._bytes -= gone.size
            dropped += 1
        return dropped

    def first_qos(self) -> int:
        """QoS of the message that `pop` would give; there must be one."""
        return 0 if self._lossy_first() else self._safe[0][2]

    def pop(self) -> tuple[Message, int]:
        if self._lossy_first():
            message, qos = self._lossy.popleft()[1], 0
        else:
            _, message, qos = self._safe.popleft()
        self._bytes -= message.size
        return message, qos

    def drop_lossy(self) -> int:
        """Forgets what waits at QoS 0, because its client has gone; returns how many."""
        count = len(self._lossy)
        self._bytes -= sum(message.size for _, message in self._lossy)
        self._lossy.clear()
        return count

    def _lossy_first(self) -> bool:
        return bool(self._lossy) and (not self._safe or self._lossy[0][0] < self._safe[0][0])
