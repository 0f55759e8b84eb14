"""Adds settings to a TOML file that people look after: what stands there, comments included, stays as it is.

Only what is not set is added. The result is read again before it counts, so that a file written in an unusual way (a
section as an inline table, say) is left alone rather than broken.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = str | int | list[str]


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of one section. The value of a secret is for the file only."""

    section: tuple[str, ...]
    key: str
    value: Value = field(repr=False)
    secret: bool = False

    @property
    def name(self) -> str:
        return f"[{'.'.join(self.section)}] {self.key}"

    @property
    def line(self) -> str:
        return f"{self.key} = {toml_value(self.value)}"

    def stands_in(self, document: Mapping[str, Any]) -> bool:
        """Whether the file has a value of its own for it."""
        return self.key in _table(document, self.section)

    def found_in(self, document: Mapping[str, Any]) -> object:
        """The file's own value; None where it has none."""
        return _table(document, self.section).get(self.key)


def toml_value(value: Value) -> str:
    """As TOML writes it. A JSON string is a TOML basic string, once DEL is written out as well."""
    if isinstance(value, list):
        return f"[{', '.join(map(toml_value, value))}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return str(value)


def add_settings(text: str, wanted: Sequence[Setting]) -> str | None:
    """`text` with the settings that it lacks; None when they cannot be added without breaking it."""
    before = tomllib.loads(text)
    missing = [each for each in wanted if not each.stands_in(before)]
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = text.splitlines()
    for section in dict.fromkeys(each.section for each in missing):
        _add(lines, section, [each.line for each in missing if each.section == section])
    after = newline.join(lines) + newline
    return after if _reads_as(after, _merged(before, missing)) else None


def replace_setting(text: str, wanted: Setting) -> str | None:
    """`text` with this value, whatever it had before; None when that cannot be done without breaking it."""
    before = tomllib.loads(text)
    if not wanted.stands_in(before):
        return add_settings(text, [wanted])
    expected, line = _merged(before, [wanted]), re.compile(rf"^\s*{re.escape(wanted.key)}\s*=")
    lines = text.splitlines(keepends=True)
    for at, written in enumerate(lines):
        if line.match(written):
            end = written[len(written.rstrip("\r\n")) :]
            after = "".join([*lines[:at], f"{wanted.line}{end}", *lines[at + 1 :]])
            if _reads_as(after, expected):
                return after
    return None


def append_table(text: str, table: str) -> str | None:
    """`text` with one more table of an array behind it; None when it cannot take one."""
    newline = "\r\n" if "\r\n" in text else "\n"
    after = f"{text.rstrip()}\n\n{table}".lstrip("\n").replace("\r\n", "\n").replace("\n", newline)
    expected = tomllib.loads(text)
    for key, tables in tomllib.loads(table).items():
        known = expected.get(key, [])
        if not isinstance(known, list):
            return None
        expected[key] = [*known, *tables]
    return after if _reads_as(after, expected) else None


def append_sources(text: str, tables: Sequence[str]) -> str | None:
    """`text` with more sources for its last node; None when it cannot take them."""
    newline = "\r\n" if "\r\n" in text else "\n"
    expected = tomllib.loads(text)
    nodes = expected.get("nodes")
    if not isinstance(nodes, list) or not nodes:
        return None
    # A table of another kind may stand behind the nodes; what follows is the last node's all the same.
    after = "\n\n".join([text.rstrip(), *tables]).replace("\r\n", "\n").replace("\n", newline) + newline
    added = [source for table in tables for node in _nodes_of(table) for source in node]
    nodes[-1] = {**nodes[-1], "sources": [*nodes[-1].get("sources", []), *added]}
    return after if _reads_as(after, expected) else None


def _nodes_of(table: str) -> list[list[dict[str, Any]]]:
    return [node["sources"] for node in tomllib.loads(f"[[nodes]]\n{table}")["nodes"]]


def lines_for(wanted: Iterable[Setting]) -> list[str]:
    """What somebody has to write where `add_settings` could not; secrets are left for them to fill in."""
    return [f"{each.name} = {'…' if each.secret else toml_value(each.value)}" for each in wanted]


def _add(lines: list[str], section: tuple[str, ...], added: Sequence[str]) -> None:
    name = r"\s*\.\s*".join(map(re.escape, section))
    header = re.compile(rf"\s*\[\s*{name}\s*\]\s*(#.*)?$")
    for at, line in enumerate(lines):
        if header.match(line):
            lines[at + 1 : at + 1] = added
            return
    if lines and lines[-1].strip():
        lines.append("")
    lines += [f"[{'.'.join(section)}]", *added]


def _merged(document: Mapping[str, Any], added: Iterable[Setting]) -> dict[str, Any]:
    merged = {key: _copy(value) for key, value in document.items()}
    for each in added:
        table = merged
        for name in each.section:
            table = table.setdefault(name, {})
        table[each.key] = each.value
    return merged


def _copy(value: Any) -> Any:  # noqa: ANN401 - a TOML value is anything
    return {key: _copy(inner) for key, inner in value.items()} if isinstance(value, dict) else value


def _table(document: Mapping[str, Any], section: tuple[str, ...]) -> Mapping[str, Any]:
    table: Any = document
    for name in section:
        table = table.get(name, {}) if isinstance(table, dict) else {}
    return table if isinstance(table, dict) else {}


def _reads_as(text: str, expected: Mapping[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == expected
    except tomllib.TOMLDecodeError:
        return False
