"""Whose turn it is to drive the alerts: a row with an end, which its holder puts off by the work that it does.

No clock of the wall has a say, nor any machine's against another's. The holder moves the row's `beat` in each of its
steps; whoever has seen the beat stand still for `TIMEOUT_S` of its own monotonic time takes the turn and raises the
`term`. Whoever lost it while it was frozen finds another term in the transaction of its next step, and undoes that.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from filelock import Timeout
from peewee import SqliteDatabase

from rigwatch.errors import StoreError
from rigwatch.lock import private_lock
from store.engine import StoreEngine
from store.transaction import Transaction

TIMEOUT_S: Final = 6.0
"""How long the beat may stand still. A holder moves it every second, and may be that late on a machine in trouble."""

# Steps may follow one another in milliseconds; a commit for each would only wear the disk.
_RENEW_S: Final = 0.9
_NAME: Final = "alerts"
_SEEN = "SELECT holder, term, beat FROM lease WHERE name = ?"
_TERM = "SELECT n.term FROM lease n WHERE n.name = ?{share}"
_RENEW = "UPDATE lease SET beat = beat + 1 WHERE name = ? AND term = ?"
_TAKE = "UPDATE lease SET holder = ?, term = term + 1, beat = beat + 1 WHERE name = ? AND term = ? AND beat = ?"
_RELEASE = "UPDATE lease SET holder = NULL WHERE name = ? AND term = ?"
# What versions before the lease hold while they drive: an advisory lock, or one on a file beside the database.
_FORMER_LOCK: Final = 0x7269_6761_6C65_7274
_FORMER_FREE = "SELECT pg_try_advisory_xact_lock(?)"


class LeaseRow(NamedTuple):
    """The row as it was seen; without a holder it is free."""

    holder: str | None
    term: int
    beat: int


def seen(tx: Transaction) -> LeaseRow:
    return LeaseRow(*tx.rows(_SEEN, (_NAME,))[0])


def term(tx: Transaction) -> int:
    """Nobody takes the turn until this transaction has ended."""
    return int(tx.value(_TERM, (_NAME,)))


class LeaderLease:
    """One subscriber's claim, under a name that no other has. `monotonic` gives seconds."""

    def __init__(self, engine: StoreEngine, name: str, monotonic: Callable[[], float]) -> None:
        self._engine = engine
        self._name = name
        self._monotonic = monotonic
        self._last: tuple[LeaseRow, float] | None = None
        self._renewed_at = 0.0
        self._began = False
        self.term: int | None = None

    @property
    def is_fresh(self) -> bool:
        """Whether nobody can have taken it over yet, as far as can be told without asking."""
        return self.term is not None and self._monotonic() - self._renewed_at < TIMEOUT_S

    def may_begin(self, found: LeaseRow) -> bool:
        """Whether it is ours, free, or has come to its end: that of whoever had our name before us at once."""
        if self.term is not None and found.term == self.term:
            return True
        first, self._began, self.term = not self._began, True, None
        if found.holder is None or (first and found.holder == self._name):
            return True
        now = self._monotonic()
        if self._last is None or self._last[0] != found:
            self._last = found, now
        return now - self._last[1] >= TIMEOUT_S

    def renew(self, tx: Transaction) -> bool:
        """Puts its end off, in the transaction of a step; False when another has it."""
        if self.term is None:
            return False
        now = self._monotonic()
        if now - self._renewed_at < _RENEW_S:
            return term(tx) == self.term
        if not tx.run(_RENEW, (_NAME, self.term)):
            return False
        self._renewed_at = now
        return True

    def take(self, tx: Transaction, found: LeaseRow) -> int | None:
        """The new term, which counts once it is committed and told to `taken`; None when somebody else was faster."""
        if self._older_version_drives(tx) or not tx.run(_TAKE, (self._name, _NAME, found.term, found.beat)):
            return None
        return found.term + 1

    def taken(self, number: int) -> None:
        self.term, self._last, self._renewed_at = number, None, self._monotonic()

    def release(self, tx: Transaction) -> None:
        """Lets another have it at once."""
        if self.term is not None:
            tx.run(_RELEASE, (_NAME, self.term))

    def lost(self) -> None:
        """It is another's, or was given away."""
        self.term = None

    def _older_version_drives(self, tx: Transaction) -> bool:
        """While two machines are brought up to date one after the other."""
        database = self._engine.database
        if not isinstance(database, SqliteDatabase):
            return not tx.value(_FORMER_FREE, (_FORMER_LOCK,))
        path = Path(database.database)
        lock = private_lock(path.with_name(f"{path.name}.alerts.lock"), timeout=0, thread_local=False)
        if not Path(lock.lock_file).exists():
            return False
        try:
            with lock:
                return False
        except Timeout:
            return True
        except OSError as exc:
            raise StoreError(f"{lock.lock_file}: cannot be locked ({exc.strerror or exc})") from exc
