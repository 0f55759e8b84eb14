"""What an error of the database driver means: a value that does not fit, or a database that cannot be used, and why."""

import sqlite3
from enum import StrEnum
from typing import Final

import psycopg
from peewee import PeeweeException

from rigwatch.errors import StoreError


class DatabaseFault(StrEnum):
    """Why a database cannot be used, in the words that people are told."""

    FULL = "disk full"
    READ_ONLY = "read-only"
    LOCKED = "locked by another process"
    DAMAGED = "damaged"
    REMOVED = "its file was removed or replaced"
    REFUSED = "it refuses the login"
    AWAY = "it cannot be reached"
    STALLED = "it does not answer"
    OTHER = "it does not work"


class Unstorable(StoreError):
    """The database works, but cannot hold what it was given; trying again will not help."""


class Unusable(StoreError):
    """The database does not take anything now; trying again may help."""

    def __init__(self, text: str, fault: DatabaseFault) -> None:
        super().__init__(text)
        self.fault = fault


def fault_of(exc: BaseException) -> DatabaseFault:
    """Of what a database operation raised; what nobody knows is `OTHER`."""
    return exc.fault if isinstance(exc, Unusable) else DatabaseFault.OTHER


# SQLSTATE by its class, or whole: what PostgreSQL says of a value, a text, a row or its size. A trigger's refusal (P0)
# is one as well: somebody wants such a row not to be stored.
_OF_DATA: Final = ("22", "23", "44", "54", "P0", "42804", "42846")
_POSTGRES: Final = {
    "53100": DatabaseFault.FULL,
    "25006": DatabaseFault.READ_ONLY,
    "55P03": DatabaseFault.LOCKED,
    "40P01": DatabaseFault.LOCKED,
    "XX001": DatabaseFault.DAMAGED,
    "XX002": DatabaseFault.DAMAGED,
    "58P01": DatabaseFault.DAMAGED,
    "28": DatabaseFault.REFUSED,
    "3D000": DatabaseFault.AWAY,
    "42501": DatabaseFault.REFUSED,
    "53300": DatabaseFault.REFUSED,
    "57": DatabaseFault.AWAY,
    # Somebody ended one statement, or it took too long.
    "57014": DatabaseFault.OTHER,
    "08": DatabaseFault.AWAY,
}
# Primary result codes of SQLite, the low byte of an extended one: https://sqlite.org/rescode.html
_SQLITE: Final = {
    sqlite3.SQLITE_FULL: DatabaseFault.FULL,
    sqlite3.SQLITE_READONLY: DatabaseFault.READ_ONLY,
    sqlite3.SQLITE_BUSY: DatabaseFault.LOCKED,
    sqlite3.SQLITE_LOCKED: DatabaseFault.LOCKED,
    sqlite3.SQLITE_CORRUPT: DatabaseFault.DAMAGED,
    sqlite3.SQLITE_NOTADB: DatabaseFault.DAMAGED,
    sqlite3.SQLITE_CANTOPEN: DatabaseFault.AWAY,
    sqlite3.SQLITE_IOERR: DatabaseFault.AWAY,
    sqlite3.SQLITE_PERM: DatabaseFault.REFUSED,
}
_UNSTORABLE: Final = (
    *(sqlite3.DataError, psycopg.DataError),
    *(sqlite3.IntegrityError, psycopg.IntegrityError),
    # SQLite's driver on a value of a type that it does not know.
    sqlite3.InterfaceError,
    # A number, or a text, that no column or no encoding has.
    *(OverflowError, UnicodeError),
)
# What libpq says of a login when there was no connection yet, and so no SQLSTATE.
_REFUSALS: Final = ("authentication failed", "no pg_hba.conf entry", 'FATAL:  role "', "not permitted to log in")


def translated(exc: BaseException, where: str) -> StoreError:
    """An error of the driver, or of Peewee around it, as this store's own; one line."""
    root = _root(exc)
    said = first_line(root)
    if _is_about_data(root):
        return Unstorable(f"database {where}: {said}")
    fault = _fault(root)
    known = "" if fault is DatabaseFault.OTHER else f"{fault.value}: "
    return Unusable(f"database {where}: {known}{said}", fault)


def first_line(exc: BaseException) -> str:
    """Drivers append the statement and hints on further lines; those belong to the log of the database."""
    text = str(exc).strip()
    return text.splitlines()[0] if text else type(exc).__name__


def _root(exc: BaseException) -> BaseException:
    """What went wrong first: a transaction that is undone already cannot be rolled back, and says that instead."""
    while True:
        earlier = exc.__cause__ or exc.__context__
        if isinstance(exc, PeeweeException) and exc.args and isinstance(exc.args[0], BaseException):
            earlier = exc.args[0]
        # Anything else was being handled meanwhile: another transaction's, or none of the database at all.
        if not isinstance(earlier, PeeweeException | sqlite3.Error | psycopg.Error | OSError):
            return exc
        exc = earlier


def _is_about_data(exc: BaseException) -> bool:
    if isinstance(exc, psycopg.Error) and exc.sqlstate:
        return exc.sqlstate.startswith(_OF_DATA)
    if isinstance(exc, sqlite3.ProgrammingError):
        return "binding" in str(exc)
    return isinstance(exc, _UNSTORABLE)


def _fault(exc: BaseException) -> DatabaseFault:
    if isinstance(exc, psycopg.Error):
        return _postgres_fault(exc)
    code = getattr(exc, "sqlite_errorcode", None)
    if code is not None:
        return _SQLITE.get(code & 0xFF, DatabaseFault.OTHER)
    return DatabaseFault.AWAY if isinstance(exc, OSError) else DatabaseFault.OTHER


def _postgres_fault(exc: psycopg.Error) -> DatabaseFault:
    state = exc.sqlstate
    if state is not None:
        return _POSTGRES.get(state) or _POSTGRES.get(state[:2], DatabaseFault.OTHER)
    if not isinstance(exc, psycopg.OperationalError | psycopg.InterfaceError):
        return DatabaseFault.OTHER
    return DatabaseFault.REFUSED if any(each in str(exc) for each in _REFUSALS) else DatabaseFault.AWAY
