"""Answers of miners and chain clients, for the tests of the sources; the README beside them says where each is from."""

from pathlib import Path

_FOLDER = Path(__file__).resolve().parent / "fixtures" / "miners"


def captured(name: str) -> bytes:
    """The bytes of one answer; the file's name has the version of the program that gave it."""
    return (_FOLDER / name).read_bytes()
