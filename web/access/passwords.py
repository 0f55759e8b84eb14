"""Dashboard passwords: hashed, checked, and remembered as checked for a short while. No store, no request."""

import hashlib
import hmac
import secrets
import threading
from collections.abc import Callable
from typing import Final

from werkzeug.security import check_password_hash, gen_salt, generate_password_hash

from rigwatch.clock import Clock
from web.access.room import AT_ONCE, GuessQueue

PASSWORD_MIN: Final = 12
"""Characters of a password that somebody chooses; those made here have more."""

REMEMBERED_S: Final = 300.0
_METHOD: Final = "scrypt:32768:8:1"


def hash_password(password: str) -> str:
    """scrypt with a salt of its own (N = 2^15, r = 8, p = 1): about 0.1 s and 32 MiB."""
    return generate_password_hash(password, _METHOD)


def unusable_hash() -> str:
    """Of no password, and like no other: who has it logs in by other means. Costs what a real one costs to check."""
    return f"{_METHOD}${gen_salt(16)}${secrets.token_hex(64)}"


_NOBODY: Final = unusable_hash()


class Passwords:
    """Checks passwords against stored hashes.

    A browser sends its password with every request, and scrypt is slow by design; so what was right a moment ago is
    remembered for `REMEMBERED_S`, as a keyed hash of name, password and stored hash. A changed password, a changed hash
    or a new process therefore never matches. Only right passwords are remembered, one a user. After that time it is
    checked again, but not taken for a guess: it waits behind nobody's.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._right: dict[str, tuple[bytes, float]] = {}
        self._room = GuessQueue()
        self._known = threading.BoundedSemaphore(AT_ONCE)

    def remembers(self, name: str, password: str, stored: str) -> bool:
        """Whether this was found right lately; microseconds."""
        digest, until = self._right.get(name, (b"", 0.0))
        return self._clock.monotonic() < until and hmac.compare_digest(digest, self._digest(name, password, stored))

    def recognises(self, name: str, password: str, stored: str) -> bool:
        """Whether this was found right at any time since the process began; microseconds."""
        return hmac.compare_digest(self._right.get(name, (b"", 0.0))[0], self._digest(name, password, stored))

    def confirm(self, name: str, password: str, stored: str) -> bool:
        """As `check`, for what `recognises` knows."""
        with self._known:
            return self.remembers(name, password, stored) or self._is_right(name, password, stored)

    def check(
        self,
        name: str,
        password: str,
        stored: str | None,
        *,
        source: str = "",
        is_gone: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Whether the password is right; takes as long for a user that does not exist (`stored` None).

        Raises `Busy` where too many wait already, `Gone` where nobody waits for the answer any more.
        """
        guess = (source, name, self._digest(name, password, stored or ""))
        return self._room.check(guess, lambda: self._is_right(name, password, stored), is_gone)

    def _is_right(self, name: str, password: str, stored: str | None) -> bool:
        right = check_password_hash(stored or _NOBODY, password) and stored is not None
        if right and stored is not None:
            self._right[name] = (self._digest(name, password, stored), self._clock.monotonic() + REMEMBERED_S)
        return right

    def _digest(self, name: str, password: str, stored: str) -> bytes:
        # Lengths first, so that no two triples are written alike.
        parts = [each.encode() for each in (name, password, stored)]
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)
