"""What waits for the database, each node in a line of its own: no node's crowd stands in front of another's report.

Statuses are first: a death must not wait for anybody's history. Then every node has one report a round. Where there is
no room left, it is the node that has the most waiting which gives way, whoever came last.
"""

from collections import defaultdict, deque
from operator import attrgetter
from typing import Final

from alerts.ingest import ReceivedMessage
from rigwatch.messages import Status
from rigwatch.topics import NodeId

_OF_ONE: Final = 1000
"""The most of one node in a batch, in samples; so that a batch takes long only where many have something to store."""

_BYTES_A_SAMPLE: Final = 1024
"""A sample counts once for each of so many bytes that it takes: sixty cards weigh more than one."""


def weight_of(heard: ReceivedMessage) -> int:
    """What a message takes of the room, and of a batch: as many samples, or as many as fit into its bytes."""
    return 1 if isinstance(heard.body, Status) else max(len(heard.body.samples), heard.size // _BYTES_A_SAMPLE)


class _Line:
    """What one node has waiting; `held` is its weight, `given` what it has had of the batch that is being taken."""

    __slots__ = ("given", "held", "reports", "statuses")

    def __init__(self) -> None:
        self.statuses: deque[ReceivedMessage] = deque()
        self.reports: deque[ReceivedMessage] = deque()
        self.held = self.given = 0


class FairQueue:
    """`capacity` is in samples of about 1 kB. `waiting` is what is taken of it."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        # One a node that was ever heard.
        self._lines: defaultdict[NodeId, _Line] = defaultdict(_Line)
        # Lines with a status, and with a report, in the order of their turns.
        self._statuses: deque[_Line] = deque()
        self._reports: deque[_Line] = deque()
        self._count = self._holders = 0
        self.waiting = 0

    def __len__(self) -> int:
        """How many messages."""
        return self._count

    @property
    def has_status(self) -> bool:
        return bool(self._statuses)

    @property
    def is_full(self) -> bool:
        return self.waiting >= self._capacity

    def is_closed_to(self, node: NodeId) -> bool:
        """Whether there is no room, and this node has its share of it or more."""
        return self.is_full and self._lines[node].held >= self._capacity // max(self._holders, 1)

    def put(self, heard: ReceivedMessage) -> list[ReceivedMessage]:
        """Adds it, and gives what had to go for it: the latest of whoever has the most waiting."""
        gone: list[ReceivedMessage] = []
        while self.is_full and self._reports:
            gone.append(self._drop_latest(max(self._reports, key=_held)))
        line = self._lines[heard.node]
        own, turns = (
            (line.statuses, self._statuses) if isinstance(heard.body, Status) else (line.reports, self._reports)
        )
        if not own:
            turns.append(line)
        own.append(heard)
        self._holders += not line.held
        self._count_in(line, 1, weight_of(heard))
        return gone

    def take(self, messages: int, weight: int) -> list[ReceivedMessage]:
        """The next at most so many, of at most about so much; at least one, where there is one."""
        batch: list[ReceivedMessage] = []
        served: list[_Line] = []
        had_enough: list[_Line] = []
        while (turns := self._statuses or self._reports) and len(batch) < messages and weight > 0:
            line = turns.popleft()
            own = line.statuses if turns is self._statuses else line.reports
            heard = own.popleft()
            taken = weight_of(heard)
            weight -= taken
            line.given += taken
            self._count_out(line, taken)
            batch.append(heard)
            served.append(line)
            if own:
                # Everybody else has a turn first.
                (turns if turns is self._statuses or line.given < _OF_ONE else had_enough).append(line)
        self._reports.extend(had_enough)
        for line in served:
            line.given = 0
        return batch

    def _drop_latest(self, line: _Line) -> ReceivedMessage:
        heard = line.reports.pop()
        if not line.reports:
            self._reports.remove(line)
        self._count_out(line, weight_of(heard))
        return heard

    def _count_in(self, line: _Line, count: int, weight: int) -> None:
        self._count += count
        self.waiting += weight
        line.held += weight

    def _count_out(self, line: _Line, weight: int) -> None:
        self._count_in(line, -1, -weight)
        self._holders -= not line.held


_held = attrgetter("held")
