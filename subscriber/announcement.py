"""Tells each rig where else this server can be found: once in each session, and again when that changes."""

from collections.abc import Callable
from typing import Final

from rigwatch.topics import NodeId

_REMEMBERED: Final = 100_000
"""Nodes; one that is forgotten is told again."""


class Announcement:
    """`current` gives the addresses to tell; None: nothing."""

    def __init__(self, current: Callable[[], tuple[str, ...] | None]) -> None:
        self._current = current
        self._told: dict[NodeId, tuple[int, tuple[str, ...]]] = {}

    def due(self, node: NodeId, session: int) -> tuple[str, ...] | None:
        """What this node has not been told in this session; it counts as told from now on."""
        servers = self._current()
        if servers is None or self._told.get(node) == (session, servers):
            return None
        if len(self._told) >= _REMEMBERED:
            self._told.clear()
        self._told[node] = session, servers
        return servers

    def count(self) -> int:
        """How many nodes know what there is to tell now."""
        servers = self._current()
        return 0 if servers is None else sum(told == servers for _, told in self._told.values())
