"""How nodes' connections ended, from the broker's note of it to the reason of a will, which itself gives none. Pure."""

from typing import Final

from msgspec.structs import replace

from rigwatch.ending import ConnectionEnd, Ending
from rigwatch.messages import NodeState, Status
from rigwatch.topics import NodeId

REASONS: Final = {
    Ending.CLOSED: "its end closed the connection without a goodbye",
    Ending.TIMED_OUT: "it stopped answering",
    Ending.REFUSED: "the broker ended its connection",
}
"""What a node's reason says."""
_ENDINGS: Final = {words: ending for ending, words in REASONS.items()}


def ending_in(reason: str) -> Ending | None:
    """Read back from a node's reason; None: nobody has told how its connection ended."""
    return _ENDINGS.get(reason)


class Endings:
    """The last of each node; only of nodes whose connection broke since their last birth."""

    def __init__(self) -> None:
        self._last: dict[NodeId, Ending] = {}

    def tell(self, node: NodeId, end: ConnectionEnd) -> None:
        """The broker comes before the will."""
        self._last[node] = end.ending

    def explained(self, node: NodeId, status: Status) -> Status:
        """A will that gives no reason, with the one that the broker has seen."""
        if status.state is not NodeState.LOST:
            self._last.pop(node, None)
            return status
        ending = self._last.get(node)
        return status if ending is None or status.reason else replace(status, reason=REASONS[ending])
