"""Codes by which a rig gets its join token: made by who enrols, spent by the rig, good for an hour.

A code of one node is good once. A group's code lets in so many rigs as it was made for, each as a node of its own.
Only hashes are kept, in one small file of the home. A code has 100 random bits, so that its hash needs no salt.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from filelock import Timeout

from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError
from rigwatch.home import write_private
from rigwatch.lock import private_lock
from rigwatch.topics import NodeId

LIFE: Final[Millis] = 3_600_000
CODES_MAX: Final = 10_000
"""Of all that are kept; a code more makes the one that ends first go."""
_STEP: Final[Millis] = 60_000
"""By how much a clock may be set back without ending the codes of the last minutes."""
_LETTERS: Final = "abcdefghjkmnpqrstvwxyz0123456789"
_LENGTH: Final = 20
_GROUP: Final = 5
_WRITTEN_MAX: Final = 64
GROUP_PREFIX: Final = "many-"
"""How a group's code begins, so that a rig knows it without asking."""
RIGS_MAX: Final = 1000
LIFE_MOST: Final[Millis] = 7 * 24 * LIFE
_NAMED: Final = 8
_LOCK_TIMEOUT: Final = 10.0


class AdmittedRig(msgspec.Struct, frozen=True):
    """A rig that a group's code has let in. `machine` is what it is known by, if it comes again with this code."""

    node: str
    generation: int
    machine: str
    at: Millis

    @property
    def id(self) -> NodeId:
        return NodeId.parse(self.node)


class Invitation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code is good for: the key of one node, as long as that is the `generation` that counts; or, with `rigs`,
    the keys of so many new nodes of a site, whose names begin with `node`."""

    site: str
    node: str
    generation: int
    until: Millis
    spent_at: Millis | None = None
    life: Millis = LIFE
    rigs: int = 0
    admitted: tuple[AdmittedRig, ...] = ()

    @property
    def id(self) -> NodeId:
        """Not of a group."""
        return NodeId(self.site, self.node)

    @property
    def is_group(self) -> bool:
        return self.rigs > 0

    def is_over(self, now: Millis) -> bool:
        """Also of one that is from the future: it was made by a clock that was wrong, and would live for years."""
        return not 0 < self.until - now <= self.life + _STEP

    def admission_of(self, machine: str) -> AdmittedRig | None:
        return next((each for each in self.admitted if machine and each.machine == machine), None)


class JoinCodes:
    """The file. Every look reads it: it holds the codes of an hour."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, node: NodeId, generation: int, now: Millis) -> str:
        """A new code, a secret that is known only now. One of the same node that nobody has spent is void from here on.

        Raises `RigwatchError` when the file cannot be read or written.
        """
        code = _new_code()
        with self._changing() as codes:
            for hashed, each in list(codes.items()):
                if not each.is_group and (each.site, each.node) == (node.site, node.node) and each.spent_at is None:
                    del codes[hashed]
            _add(codes, code, Invitation(node.site, node.node, generation, now + LIFE), now)
        return code

    def make_group(self, site: str, prefix: str, *, rigs: int, life: Millis, now: Millis) -> str:
        """A new code for `rigs` rigs, a secret that is known only now. Raises as `make`."""
        code = f"{GROUP_PREFIX}{_new_code()}"
        with self._changing() as codes:
            _add(codes, code, Invitation(site, prefix, 0, now + life, life=life, rigs=rigs), now)
        return code

    def groups(self, now: Millis) -> dict[str, Invitation]:
        """Those of several rigs that are not over, by a name that tells nothing of the code; the newest first."""
        found = [(hashed[:_NAMED], each) for hashed, each in self._read().items()]
        return {name: each for name, each in reversed(found) if each.is_group and not each.is_over(now)}

    def end(self, name: str, now: Millis) -> bool:
        """Ends a group's code; whom it has let in, stays. False where there is none of that name."""
        with self._changing() as codes:
            for hashed, each in list(codes.items()):
                if hashed[:_NAMED] == name and each.is_group and not each.is_over(now):
                    del codes[hashed]
                    return True
        return False

    def admit(
        self, code: str, now: Millis, machine: str, enroll: Callable[[Invitation], tuple[NodeId, int]]
    ) -> AdmittedRig | None:
        """Lets a rig in by a group's code, as the node that `enroll` makes; one that has been let in is the same again.
        None for a code that is wrong, over or used up. What `enroll` raises passes, and changes nothing."""
        with self._changing() as codes:
            hashed = _hash(code)
            found = codes.get(hashed)
            if found is None or not found.is_group or found.is_over(now):
                return None
            if known := found.admission_of(machine):
                return known
            if len(found.admitted) >= found.rigs:
                return None
            node, generation = enroll(found)
            admission = AdmittedRig(str(node), generation, machine, now)
            codes[hashed] = msgspec.structs.replace(found, admitted=(*found.admitted, admission))
            return admission

    def find(self, code: str, now: Millis) -> Invitation | None:
        """What the code is good for, spent or not; None for a wrong one and for one whose hour is over."""
        found = self._read().get(_hash(code)) if len(code) <= _WRITTEN_MAX else None
        return None if found is None or found.is_over(now) else found

    def spend(self, code: str, now: Millis, is_good: Callable[[Invitation], bool]) -> Invitation | None:
        """The same once, for the first who asks: afterwards it is spent. One that `is_good` refuses is not."""
        if self.find(code, now) is None:
            # Strangers do not get as far as the lock.
            return None
        with self._changing() as codes:
            hashed = _hash(code)
            found = codes.get(hashed)
            if (
                found is None
                or found.is_group
                or found.spent_at is not None
                or found.is_over(now)
                or not is_good(found)
            ):
                return None
            codes[hashed] = msgspec.structs.replace(found, spent_at=now)
            return found

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Invitation]]:
        lock = self._path.with_suffix(".lock")
        try:
            with private_lock(lock, timeout=_LOCK_TIMEOUT):
                codes = self._read()
                before = dict(codes)
                yield codes
                if codes != before:
                    write_private(self._path, msgspec.json.encode(codes))
        except Timeout:
            raise RigwatchError(f"{lock}: held by another rigwatch process; try again") from None
        except OSError as exc:
            raise RigwatchError(f"{lock}: cannot be locked ({exc.strerror or exc})") from exc

    def _read(self) -> dict[str, Invitation]:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Invitation])
        except FileNotFoundError:
            return {}
        except (OSError, msgspec.MsgspecError) as exc:
            raise RigwatchError(f"{self._path}: cannot be read as one-time codes ({exc}); remove it") from exc


def _new_code() -> str:
    code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))


def _add(codes: dict[str, Invitation], code: str, made: Invitation, now: Millis) -> None:
    for hashed, each in list(codes.items()):
        if each.is_over(now):
            del codes[hashed]
    while len(codes) >= CODES_MAX:
        del codes[min(codes, key=lambda hashed: codes[hashed].until)]
    codes[_hash(code)] = made


def _hash(code: str) -> str:
    """Of the code as people may have copied it: capitals and dashes mean nothing."""
    plain = "".join(letter for letter in code.strip().lower() if letter != "-")
    return hashlib.sha256(f"rigwatch join code {plain}".encode()).hexdigest()
