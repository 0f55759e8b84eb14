"""In which line of a TOML file each value stands, which `tomllib` does not tell."""

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeAlias

KeyPath: TypeAlias = tuple[str, ...]
"""Where a setting is in the document: `("alerts", "hot", "threshold")`."""

_STATEMENT_MAX: Final = 1000
"""Lines that one value may go over and still be found; a longer one has no line."""


def toml_lines(text: str) -> dict[KeyPath, int]:
    """The first line, from 1, of each value. Of a file that `tomllib` reads; it never raises."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    lines = text.splitlines()
    at = 0
    while at < len(lines):
        statement, length = _statement(lines, at)
        if lines[at].lstrip().startswith("["):
            table = _header(statement)
        else:
            found |= {(*table, *path): at + 1 for path in leaves(statement)}
        at += length
    return found


def leaves(table: Mapping[str, Any]) -> Iterator[KeyPath]:
    """The paths of all values in it that are no tables."""
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((key, *rest) for rest in leaves(value))
        else:
            yield (key,)


def _statement(lines: list[str], at: int) -> tuple[dict[str, Any], int]:
    """What begins in a line, read by itself, and over how many lines it goes."""
    for length in range(1, min(_STATEMENT_MAX, len(lines) - at) + 1):
        try:
            return tomllib.loads("\n".join(lines[at : at + length])), length
        except tomllib.TOMLDecodeError:
            continue
    return {}, 1


def _header(statement: Mapping[str, Any]) -> KeyPath:
    """Of `[a.b]`, which reads as an empty table in a table; of `[[a]]` as well, where in it nobody asks."""
    path: KeyPath = ()
    table: Any = statement
    while isinstance(table, dict) and table:
        key, table = next(iter(table.items()))
        path = (*path, key)
    return path
