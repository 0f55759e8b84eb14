"""One-time codes by which a rig gets its join token: made by who enrols, spent by the rig, good for an hour.

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
_LOCK_TIMEOUT: Final = 10.0


class Invitation(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a code is good for: the key of one node, as long as that is the `generation` that counts."""

    site: str
    node: str
    generation: int
    until: Millis
    spent_at: Millis | None = None

    @property
    def id(self) -> NodeId:
        return NodeId(self.site, self.node)

    def is_over(self, now: Millis) -> bool:
        """Also of one that is from the future: it was made by a clock that was wrong, and would live for years."""
        return not 0 < self.until - now <= LIFE + _STEP


class JoinCodes:
    """The file. Every look reads it: it holds the codes of an hour."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def make(self, node: NodeId, generation: int, now: Millis) -> str:
        """A new code, a secret that is known only now. One of the same node that nobody has spent is void from here on.

        Raises `RigwatchError` when the file cannot be read or written.
        """
        code = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
        with self._changing() as codes:
            for hashed, each in list(codes.items()):
                if each.is_over(now) or (each.id == node and each.spent_at is None):
                    del codes[hashed]
            while len(codes) >= CODES_MAX:
                del codes[min(codes, key=lambda hashed: codes[hashed].until)]
            codes[_hash(code)] = Invitation(node.site, node.node, generation, now + LIFE)
        return "-".join(code[at : at + _GROUP] for at in range(0, _LENGTH, _GROUP))

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
            if found is None or found.spent_at is not None or found.is_over(now) or not is_good(found):
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


def _hash(code: str) -> str:
    """Of the code as people may have copied it: capitals and dashes mean nothing."""
    plain = "".join(letter for letter in code.strip().lower() if letter != "-")
    return hashlib.sha256(f"rigwatch join code {plain}".encode()).hexdigest()
