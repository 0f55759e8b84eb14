"""What a backup says of itself, in its first part."""

from typing import Final

import msgspec

import rigwatch
from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError

FORMAT: Final = 1
ABOUT: Final = "about.json"
ABOUT_MAX: Final = 1_000_000
HOME: Final = "home/"
SETTINGS: Final = f"{HOME}server.toml"
SQLITE: Final = "database/rigwatch.db"
OUTLINE: Final = "database/outline.json"
OUTLINE_MAX: Final = 10_000_000
TABLES: Final = "database/tables/"
_NOT_IN_NAMES: Final = frozenset("\\:\0")


class About(msgspec.Struct, frozen=True):
    """Of when and what it is. `applied` are the migrations of its database, `address` what rigs connect to, `outside`
    what belongs to the server and is not in it."""

    made_at: Millis
    host: str
    database: str
    applied: tuple[str, ...]
    address: str
    enrolled: int
    outside: tuple[str, ...] = ()
    version: str = rigwatch.__version__
    format: int = FORMAT


def has_place(name: str) -> bool:
    """Whether a file may have that name below a home, here and on any other machine."""
    words = name.split("/")
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return not any(not each or each.startswith(".") or set(each) & _NOT_IN_NAMES for each in words)


class _Format(msgspec.Struct):
    format: int
    version: str


def encode(about: About) -> bytes:
    return msgspec.json.format(msgspec.json.encode(about), indent=1) + b"\n"


def decode(data: bytes) -> About:
    """Raises `RigwatchError` for one of a newer program, which may say other things."""
    try:
        known = msgspec.json.decode(data, type=_Format)
        if known.format > FORMAT:
            raise RigwatchError(f"was made by rigwatch {known.version}; restore it with that version or a later one")
        return msgspec.json.decode(data, type=About)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise RigwatchError("is no backup of rigwatch") from None
