"""Which nodes are published from two places at once, as after a disk was copied. Pure; who is told is elsewhere.

Every publisher makes up its `instance` when it starts. One that comes again after another was there has been running
all the while, whatever its address is: a node whose network flaps, whose address changes or which is started anew never
does that. Publishers that tell of no instance are known by the embedded broker alone, which sees how often a connection
that was alive is taken over.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Status
from rigwatch.takeover import Place, Takeover
from rigwatch.topics import NodeId

_KEPT: Final = 8
"""Instances that are remembered of a node."""
_ADDRESS_FOR: Final[Millis] = 600_000
"""How long an address speaks of the present."""


class Contest(Struct, frozen=True):
    """Two publishers of one node. `rival` is where the one connects from that is not connected now; empty: unknown."""

    evidence: str
    rival: str = ""


@dataclass(slots=True)
class _Record:
    session: int = 0
    instances: deque[str] = field(default_factory=lambda: deque(maxlen=_KEPT))
    """The current one last."""
    hosts: dict[str, str] = field(default_factory=dict)
    takeover: Takeover | None = None


class Contests:
    """Remembers, for as long as it runs, who published each node. Only for nodes whose key has been seen."""

    def __init__(self) -> None:
        self._records: dict[NodeId, _Record] = {}

    def tell(self, node: NodeId, takeover: Takeover) -> None:
        """The broker has seen a connection taken over."""
        self._records.setdefault(node, _Record()).takeover = takeover

    def birth(self, node: NodeId, status: Status, now: Millis) -> Contest | None:
        """A status that the node's own key sealed; whether it is the second publisher's."""
        record = self._records.setdefault(node, _Record())
        if status.state is not NodeState.ONLINE or status.session <= record.session:
            # Kept by the broker, or repeated by somebody: nothing new.
            return None
        record.session = status.session
        came_again = self._came_again(record, status)
        takeover = record.takeover
        if takeover is not None and not 0 <= now - takeover.at < _ADDRESS_FOR:
            takeover = None
        # A flapping network may take over as fast as two publishers do; what the publisher says of itself decides.
        by_the_broker = not status.instance and takeover is not None and takeover.contested
        if not came_again and not by_the_broker:
            return None
        return Contest(_evidence(record, takeover), _rival(takeover))

    @staticmethod
    def _came_again(record: _Record, status: Status) -> bool:
        instance, known = status.instance, record.instances
        if not instance or (known and known[-1] == instance):
            return False
        again = instance in known
        if again:
            known.remove(instance)
        known.append(instance)
        record.hosts = {each: host for each, host in record.hosts.items() if each in known}
        record.hosts[instance] = status.host
        return again


def _evidence(record: _Record, takeover: Takeover | None) -> str:
    hosts = sorted({host for host in record.hosts.values() if host})
    where = f", from {_place(takeover.old, takeover.new)} and {_place(takeover.new, takeover.old)}" if takeover else ""
    machines = f" (hosts {' and '.join(hosts[:_KEPT])})" if len(hosts) > 1 else ""
    return f"two publishers use its key{where}{machines}; each machine needs a node of its own"


def _rival(takeover: Takeover | None) -> str:
    return _place(takeover.old, takeover.new) if takeover else ""


def _place(one: Place, other: Place) -> str:
    """The address; with the port where the other has the same, as behind one router."""
    address, port = one
    return f"{address} port {port}" if address == other[0] else address
