"""How many nodes of a simulated fleet are online: one line for all of them instead of one for each."""

import logging

from publisher.journal import Journal
from rigwatch.clock import Clock
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)


class Census:
    """Counts what the nodes' journals hear; `run` says it when it has changed."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._online: set[NodeId] = set()
        self._troubles: dict[NodeId, str] = {}
        self._said: tuple[int, str] = (0, "")

    def journal(self, node: NodeId) -> Journal:
        """Takes the place of the journal that writes a line for each node."""
        return _Counted(node, self)

    async def run(self, clock: Clock, every: float = 5.0) -> None:
        """Never returns. At most one line in `every` seconds."""
        while True:
            await clock.sleep(every)
            self.say()

    def say(self) -> None:
        state = (len(self._online), next(iter(self._troubles.values()), ""))
        if state != self._said:
            log.info("simulated nodes online=%s of=%s trouble=%s", state[0], self._total, state[1] or "none")
            self._said = state

    def came(self, node: NodeId) -> None:
        self._online.add(node)
        self._troubles.pop(node, None)

    def went(self, node: NodeId, why: str = "") -> None:
        self._online.discard(node)
        if why:
            self._troubles[node] = why


class _Counted:
    def __init__(self, node: NodeId, census: Census) -> None:
        self._node = node
        self._census = census

    def online(self, _session: int) -> None:
        self._census.came(self._node)

    def lost(self, reason: str) -> None:
        self._census.went(self._node, reason)

    def unreachable(self, why: str) -> None:
        self._census.went(self._node, why)

    def refused(self, why: str) -> None:
        self._census.went(self._node, why)

    def outdated(self, _session: int) -> None:
        self._census.went(self._node)

    def contested(self, rival: str) -> None:
        self._census.went(self._node, f"another publisher uses its key, from {rival or 'unknown'}")

    def gone(self, why: str) -> None:
        self._census.went(self._node, why)

    def offline(self) -> None:
        self._census.went(self._node)
