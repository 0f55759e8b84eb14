"""Second factors of users (TOTP, RFC 6238): the secret, which steps were used up, and codes for when the phone is gone.

The secret is kept as it is, for a code is reckoned from it; recovery codes as SHA-256 of 80 random bits each.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from store import users
from store.transaction import Transaction

RECOVERY_CODES: Final = 10
_CODE_BYTES: Final = 10
_CODE_PART: Final = 4

_GET = "SELECT totp_secret, totp_at, totp_step FROM account WHERE name = ?"
_BEGIN = "UPDATE account SET totp_secret = ? WHERE name = ? AND totp_at IS NULL"
_CONFIRM = "UPDATE account SET totp_at = ?, totp_step = ? WHERE name = ? AND totp_secret = ? AND totp_at IS NULL"
_TAKE = """
UPDATE account SET totp_step = ? WHERE name = ? AND totp_at IS NOT NULL AND (totp_step IS NULL OR totp_step < ?)
"""
_OFF = "UPDATE account SET totp_secret = NULL, totp_at = NULL, totp_step = NULL WHERE name = ? AND totp_at IS NOT NULL"
_ADD_CODE = "INSERT INTO recovery_code (account, hash) VALUES (?, ?)"
_USE_CODE = "DELETE FROM recovery_code WHERE account = ? AND hash = ?"
_FORGET_CODES = "DELETE FROM recovery_code WHERE account = ?"
_COUNT = "SELECT count(*) FROM recovery_code WHERE account = ?"


@dataclass(frozen=True, slots=True)
class TotpState:
    """`since` None: it is not asked for yet, as no code has shown that the user's device has the secret."""

    secret: str
    since: Millis | None
    step: int

    def __repr__(self) -> str:
        return f"TotpState(since={self.since}, step={self.step})"


def get(tx: Transaction, name: str) -> TotpState | None:
    """None for a user without a secret."""
    rows = tx.rows(_GET, (name,))
    if not rows or rows[0][0] is None:
        return None
    secret, since, step = rows[0]
    return TotpState(secret, since, step or 0)


def begin(tx: Transaction, name: str, secret: str) -> None:
    """Another secret that is not asked for yet. Raises `NotDone` where one is asked for already."""
    if not tx.run(_BEGIN, (secret, name)):
        raise NotDone(f"user {name}: logs in with a code already; switch that off first")


def confirm(tx: Transaction, name: str, secret: str, *, step: int, now: Millis) -> list[str]:
    """Asks for codes from now on; returns the recovery codes, secrets. `NotDone` where another window was quicker."""
    if not tx.run(_CONFIRM, (now, step, name, secret)):
        raise NotDone(f"user {name}: begin again; the code was asked for in another window too")
    tx.run(_FORGET_CODES, (name,))
    made = [_recovery_code() for _ in range(RECOVERY_CODES)]
    for code in made:
        tx.run(_ADD_CODE, (name, hash_of(code)))
    users.log_out(tx, name)
    return made


def take(tx: Transaction, name: str, step: int) -> bool:
    """Whether no code of this step, or of a later one, has been taken; then it is used up."""
    return bool(tx.run(_TAKE, (step, name, step)))


def use_recovery_code(tx: Transaction, name: str, hashed: str) -> int | None:
    """How many are left; None where it is none of the user's, or was used."""
    if not tx.run(_USE_CODE, (name, hashed)):
        return None
    return codes_left(tx, name)


def codes_left(tx: Transaction, name: str) -> int:
    return int(tx.value(_COUNT, (name,)))


def off(tx: Transaction, name: str) -> None:
    """Logs out everywhere too. Raises `NotDone` where nothing was asked for."""
    if not tx.run(_OFF, (name,)):
        raise NotDone(f"user {name}: there is none with a second factor")
    tx.run(_FORGET_CODES, (name,))
    users.log_out(tx, name)


def hash_of(code: str) -> str:
    """However it is typed: small letters, blanks and hyphens are no difference."""
    return hashlib.sha256("".join(filter(str.isalnum, code)).upper().encode()).hexdigest()


def _recovery_code() -> str:
    text = base64.b32encode(secrets.token_bytes(_CODE_BYTES)).decode()
    return "-".join(text[at : at + _CODE_PART] for at in range(0, len(text), _CODE_PART))
