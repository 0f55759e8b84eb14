"""Where a node looks for its server: at what the settings say, and at what the server itself has announced since."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rigwatch import servers
from rigwatch.endpoint import Endpoint
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

_HERE: Final = 0


class Addresses:
    """The one that is tried now, and the others in turn. What was announced is kept in `path`; None: in memory.

    A node that was set up to speak TLS never leaves it, and at each address trusts the same authority alone: whoever
    could announce an address cannot read, or take, more than at the first one.
    """

    def __init__(self, node: NodeId, first: Endpoint, path: Path | None = None) -> None:
        self._node, self._first, self._path = node, first, path
        self._announced = self._kept()
        self._known = self._all()
        self._at = _HERE

    @property
    def current(self) -> Endpoint:
        return self._known[self._at]

    @property
    def is_last(self) -> bool:
        """Whether all were tried since the first."""
        return self._at == len(self._known) - 1

    def failed(self) -> None:
        """There was no answer, or a refusal: the next one's turn."""
        self._at = (self._at + 1) % len(self._known)

    def learn(self, announced: Sequence[str]) -> None:
        """The server says where else it can be found; the one that is connected stays the current one."""
        if tuple(announced) == self._announced:
            return
        self._announced, connected = tuple(announced), self.current
        self._known = self._all()
        self._at = self._known.index(connected) if connected in self._known else _HERE
        others = ", ".join(str(each) for each in self._known if each != self._first)
        log.info("server announced its addresses node=%s others=%s", self._node, others or "none")
        if self._path is not None:
            try:
                # With the one that they are besides: a node that joins another server has nothing to do with them.
                servers.write(self._path, (str(self._first), *self._announced))
            except RigwatchError as exc:
                log.warning("addresses that the server announced are not kept node=%s error=%s", self._node, exc)

    def _kept(self) -> tuple[str, ...]:
        try:
            kept = servers.read(self._path) if self._path is not None else None
        except RigwatchError as exc:
            log.warning("addresses that the server announced are lost node=%s error=%s", self._node, exc)
            return ()
        return kept[1:] if kept and kept[0] == str(self._first) else ()

    def _all(self) -> list[Endpoint]:
        known = [self._first]
        for text in self._announced:
            try:
                found = Endpoint.parse(text, self._first.ca, self._first.pin)
            except SettingsError:
                continue
            if found not in known and (found.tls or not self._first.tls):
                known.append(found)
        return known


def path_of(outbox: Path, node: NodeId) -> Path:
    """Beside the node's outbox, since no dot can be in either name."""
    return outbox / f"{node.site}.{node.node}.servers.json"
