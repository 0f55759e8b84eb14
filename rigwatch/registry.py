"""The enrolled nodes, in one small file of the home, and which keys each of them may use now.

The keys themselves are derived, not stored: the file holds only which generation counts. The broker and the subscriber
read it afresh when it changed, so that an enrolment or a revocation needs no restart.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import msgspec
from filelock import Timeout

from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError, TopicError
from rigwatch.home import write_private
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.lock import private_lock
from rigwatch.topics import NodeId

LOCK_TIMEOUT = 10
"""Seconds that a command waits for another that is changing the file."""

KEYS_CACHED = 16_384


class Enrollment(msgspec.Struct, frozen=True, omit_defaults=True):
    """`generation` counts the node's keys. Until `previous_until` the key before it is accepted as well.

    `since` is the generation with which the last revocation let the node begin anew.
    """

    generation: int
    enrolled_at: Millis
    previous_until: Millis | None = None
    revoked: bool = False
    since: int = 0

    @property
    def first_generation(self) -> int:
        """No key from before this one counts for anything."""
        return self.generation if self.revoked else self.since

    def revoke(self) -> "Enrollment":
        """None of the keys so far counts any more."""
        following = self.generation + 1
        return Enrollment(generation=following, enrolled_at=self.enrolled_at, revoked=True, since=following)


class Registry:
    """The file of enrolled nodes. Reading costs one `stat` while the file does not change.

    With `max_age` (seconds) `last_known` may be that much behind: who asks for each message asks the disk less often.
    """

    def __init__(self, path: Path, *, max_age: float = 0.0) -> None:
        self._path = path
        self._max_age = max_age
        self._looked_at = -max_age
        self._seen: tuple[int, int, int] | None = None
        self._nodes: dict[NodeId, Enrollment] = {}
        self._was_read = False

    def nodes(self) -> dict[NodeId, Enrollment]:
        """All of them; raises `RigwatchError` when the file is there and cannot be understood."""
        self._refresh()
        return dict(self._nodes)

    def get(self, node: NodeId) -> Enrollment | None:
        self._refresh()
        return self._nodes.get(node)

    def lets_in(self, node: NodeId) -> bool:
        """Whether it is enrolled, and was not revoked since."""
        known = self.get(node)
        return known is not None and not known.revoked

    def enrolled_generation(self, node: NodeId) -> int:
        """That of its newest key; 0 where it is not enrolled."""
        known = self.get(node)
        return 0 if known is None else known.generation

    def enrolled(self) -> dict[NodeId, Millis]:
        """The nodes that are let in, and since when."""
        return {node: each.enrolled_at for node, each in self.nodes().items() if not each.revoked}

    def last_known(self, node: NodeId) -> Enrollment | None:
        """As `get`, but while the file cannot be read, what it said before counts; raises only where it said nothing.

        For who watches: a slip in the file must not make every living node a stranger, nor hide the death of one.
        """
        if not self._max_age or time.monotonic() - self._looked_at >= self._max_age:
            try:
                self._refresh()
            except RigwatchError:
                if not self._was_read:
                    raise
            self._looked_at = time.monotonic()
        return self._nodes.get(node)

    def enroll(self, node: NodeId, now: Millis) -> Enrollment:
        """Adds the node; one that is there already stays as it is (so asking twice gives the same token)."""
        return self.enroll_all([node], now)[node]

    def enroll_all(self, wanted: Iterable[NodeId], now: Millis) -> dict[NodeId, Enrollment]:
        """The same for many at once, all or none; the file is written only when something is new."""
        with self._changing() as nodes:
            for node in wanted:
                known = nodes.get(node)
                if known is None:
                    nodes[node] = Enrollment(generation=0, enrolled_at=now)
                elif known.revoked:
                    nodes[node] = msgspec.structs.replace(known, revoked=False, enrolled_at=now)
        return nodes

    def revoke(self, node: NodeId, now: Millis) -> Enrollment:
        """From now on no key issued so far is accepted; enrolling again issues the next one."""
        with self._changing() as nodes:
            successor = (nodes.get(node) or Enrollment(generation=0, enrolled_at=now)).revoke()
            nodes[node] = successor
        return successor

    def rotate(self, node: NodeId, *, previous_until: Millis) -> Enrollment:
        """Issues the next key and accepts the one before it until `previous_until`; the node must be enrolled."""
        with self._changing() as nodes:
            known = nodes.get(node)
            if known is None or known.revoked:
                raise RigwatchError(f"node {node}: is not enrolled; run 'rigwatch enroll' first")
            successor = Enrollment(
                generation=known.generation + 1,
                enrolled_at=known.enrolled_at,
                previous_until=previous_until,
                since=known.since,
            )
            nodes[node] = successor
        return successor

    def move(self, node: NodeId, successor: NodeId, now: Millis) -> None:
        """Enrolls `successor` and revokes `node`, both or none; done again, it changes no more than the key."""
        with self._changing() as nodes:
            left, taken = nodes.get(node), nodes.get(successor)
            if taken is None:
                nodes[successor] = Enrollment(generation=0, enrolled_at=now)
            elif taken.revoked:
                nodes[successor] = msgspec.structs.replace(taken, revoked=False, enrolled_at=now)
            if left is None or not left.revoked:
                nodes[node] = (left or Enrollment(generation=0, enrolled_at=now)).revoke()

    def _refresh(self) -> None:
        try:
            stat = self._path.stat()
        except FileNotFoundError:
            self._nodes, self._seen = {}, None
            return
        except OSError as exc:
            raise RigwatchError(f"{self._path}: cannot be read ({exc.strerror or exc})") from exc
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._nodes = _read(self._path)
            self._seen = seen
            self._was_read = True

    @contextmanager
    def _changing(self) -> Iterator[dict[NodeId, Enrollment]]:
        """Read, change, write, under a lock: two commands at once must not lose each other's node."""
        lock = self._path.with_suffix(".lock")
        try:
            with private_lock(lock, timeout=LOCK_TIMEOUT):
                self._refresh()
                nodes = dict(self._nodes)
                yield nodes
                if nodes == self._nodes:
                    return
                body = {str(node): enrollment for node, enrollment in sorted(nodes.items())}
                write_private(self._path, msgspec.json.format(msgspec.json.encode(body), indent=1) + b"\n")
        except Timeout:
            raise RigwatchError(f"{lock}: held by another rigwatch command; try again when it has ended") from None
        except OSError as exc:
            raise RigwatchError(f"{lock}: cannot be locked ({exc.strerror or exc})") from exc


def _read(path: Path) -> dict[NodeId, Enrollment]:
    try:
        body = msgspec.json.decode(path.read_bytes(), type=dict[str, Enrollment])
        return {NodeId.parse(text): enrollment for text, enrollment in body.items()}
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError, TopicError) as exc:
        raise RigwatchError(f"{path}: cannot be read as the list of enrolled nodes ({exc})") from exc


class NodeAccess:
    """Answers which keys a node may use. With open enrolment a node nobody listed may use its first key."""

    def __init__(self, master: MasterKey, registry: Registry, *, open_enrollment: bool) -> None:
        self._registry = registry
        self._open = open_enrollment
        # Deriving costs about 20 microseconds and is asked for once a message; the bound only matters with open
        # enrolment, where a stranger could otherwise fill the memory with invented names.
        self._derived = lru_cache(maxsize=KEYS_CACHED)(master.node_key)

    def accepted_keys(self, node: NodeId, now: Millis) -> tuple[NodeKey, ...]:
        """Newest first; empty when the node may not connect and nothing of it may be opened."""
        known = self._registry.last_known(node)
        if known is None:
            return (self._derived(node, 0),) if self._open else ()
        if known.revoked:
            return ()
        newest = self._derived(node, known.generation)
        if known.generation > 0 and known.previous_until is not None and now < known.previous_until:
            return newest, self._derived(node, known.generation - 1)
        return (newest,)

    def former_key(self, node: NodeId) -> NodeKey | None:
        """The key that was rotated away last. What it seals is not taken, but says who did not get the new one."""
        known = self._registry.last_known(node)
        if known is None or known.revoked or known.generation == 0 or known.previous_until is None:
            return None
        return self._derived(node, known.generation - 1)

    def why_none(self, node: NodeId) -> str:
        """Why a node has no key that is accepted, for the log."""
        known = self._registry.last_known(node)
        return "its key was revoked" if known is not None and known.revoked else "nobody has enrolled it"
