"""Answers of miners and chain clients as they were read, for the tests of the sources."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "fixtures" / "miners"


def captured(name: str) -> bytes:
    """The bytes of one answer; the file's name has the version of the program that gave it."""
    return (_FOLDER / name).read_bytes()
