"""What one node's connection says in the log: each change of its state once, never the state again and again."""

import logging
from collections.abc import Callable
from typing import Protocol

from rigwatch.mqtt import Endpoint
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)


class Journal(Protocol):
    """Hears of each change in one node's connection. Sessions are numbers; reasons are for people."""

    def online(self, session: int, /) -> None: ...
    def lost(self, reason: str, /) -> None: ...
    def unreachable(self, why: str, /) -> None: ...
    def refused(self, why: str, /) -> None: ...
    def outdated(self, session: int, /) -> None: ...
    def contested(self, rival: str, /) -> None: ...
    def gone(self, why: str, /) -> None: ...
    def offline(self) -> None: ...


class LogJournal:
    """Writes a line for each change, and remembers what was last said of this node; `endpoint` is the current one."""

    def __init__(self, node: NodeId, endpoint: Callable[[], Endpoint]) -> None:
        self._node = node
        self._endpoint = endpoint
        self._said = ""
        self._times = 0
        self._rival: str | None = None

    def online(self, session: int) -> None:
        log.info(
            "node is online node=%s broker=%s session=%s failed_attempts=%s",
            self._node,
            self._endpoint(),
            session,
            self._times,
        )
        self._said, self._times = "", 0

    def lost(self, reason: str) -> None:
        log.warning("connection lost, trying again node=%s reason=%s", self._node, reason)
        self._said, self._times = "", 0

    def unreachable(self, why: str) -> None:
        self._say("broker not reached, trying again node=%s error=%s", why)

    def refused(self, why: str) -> None:
        self._say("broker refuses this node: enroll it, or join with a new token; trying again node=%s error=%s", why)

    def outdated(self, session: int) -> None:
        log.warning("subscriber knows a later session, starting one above it node=%s session=%s", self._node, session)

    def contested(self, rival: str) -> None:
        """Said once for each address: the two take turns, and each hears of it at every turn, with another port."""
        address = rival.partition(" ")[0]
        if address != self._rival:
            self._rival = address
            log.warning(
                "another publisher uses this node's key: give one of the two machines a node of its own "
                "('rigwatch enroll' on the server, 'rigwatch publish --join' there) node=%s from=%s",
                self._node,
                rival or "unknown",
            )

    def gone(self, why: str) -> None:
        log.warning("node is lost, its machine does not answer node=%s error=%s", self._node, why)

    def offline(self) -> None:
        log.info("node said goodbye node=%s", self._node)

    def _say(self, message: str, why: str) -> None:
        self._times += 1
        if self._said != message + why:
            self._said = message + why
            log.warning(message, self._node, why)
