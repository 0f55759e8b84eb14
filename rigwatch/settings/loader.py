"""Turns a TOML file and environment overrides into frozen settings, or into one error that says what would be right.

Knows nothing of any single setting: the Structs in `server.py` and `publisher.py` are the schema. What msgspec says of
a whole document names neither file nor key, so each key is converted by itself here.
"""
# ruff: noqa: ANN401 - a TOML value is anything until it is converted

import copy
import difflib
import tomllib
import types
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar, get_args, get_origin

import msgspec
from msgspec import Meta, Struct

from rigwatch.errors import SettingsError
from rigwatch.settings.durations import format_duration, parse_duration

ENV_PREFIX = "RIGWATCH_"
FILE_SUFFIX = "_FILE"
Settings = TypeVar("Settings", bound=Struct)


class Secret(str):
    """A setting that no error or repr repeats, and that `RIGWATCH_<SECTION>__<KEY>_FILE` may name a file for."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "Secret(…)" if self else "Secret('')"


def between(least: timedelta, most: timedelta) -> Meta:
    """A duration's bounds, both allowed."""
    return Meta(extra={"least": least, "most": most})


@dataclass(frozen=True, slots=True)
class SettingPlace:
    """Where a value stands, for errors: the file (or the environment variable) and the path of keys."""

    source: str
    path: tuple[str, ...] = ()

    def key(self, name: str) -> "SettingPlace":
        return SettingPlace(self.source, (*self.path, name))

    def __str__(self) -> str:
        return f"{self.source}: {'.'.join(self.path)}" if self.path else self.source


def read_toml(path: Path) -> dict[str, Any]:
    """The file's content, or `SettingsError` that gives the line; a missing file is an error too."""
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except FileNotFoundError:
        raise SettingsError(f"{path}: not there") from None
    except OSError as exc:
        raise SettingsError(f"{path}: cannot be read ({exc.strerror or exc})") from exc
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise SettingsError(f"{path}: is not TOML: {exc}") from exc


def build(kind: type[Settings], raw: Mapping[str, Any], place: SettingPlace) -> Settings:
    """A `kind` from what the file holds; raises `SettingsError` at the first unknown key or wrong value."""
    if not isinstance(raw, Mapping):
        raise SettingsError(f"{place}: should be a table of settings")
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    for name in raw:
        if name not in fields:
            raise SettingsError(f"{place.key(name)}: unknown key{_suggest(name, fields)}")
    values = {
        field.name: _convert(field.type, raw[name], place.key(name)) for name, field in fields.items() if name in raw
    }
    for name, field in fields.items():
        if field.required and name not in raw:
            raise SettingsError(f"{place.key(name)}: is missing")
    try:
        return kind(**values)
    except ValueError as exc:
        raise SettingsError(f"{place}: {exc}") from exc


def _convert(kind: Any, value: Any, place: SettingPlace) -> Any:
    kind, metas = _unwrap(kind)
    if _is_struct(kind):
        return build(kind, value, place)
    if get_origin(kind) is dict and _is_struct(get_args(kind)[1]):
        return _tables(get_args(kind)[1], value, place)
    if get_origin(kind) is tuple and get_args(kind)[1:] == (Ellipsis,):
        if not isinstance(value, list):
            raise SettingsError(f"{place}: should be a list, in brackets")
        _check_length(value, metas, place)
        return tuple(_convert(get_args(kind)[0], item, _item(place, at)) for at, item in enumerate(value))
    # A table is one of sources' own settings, and may hold a password.
    shown = "" if kind is Secret or get_origin(kind) is dict else f" (got {value!r})"
    try:
        if kind is timedelta:
            return _duration(value, metas)
        if kind is Secret:
            return Secret(msgspec.convert(value, str))
        if get_origin(kind) is typing.Literal and value not in get_args(kind):
            raise ValueError(f"should be {' or '.join(map(repr, get_args(kind)))}")
        return msgspec.convert(value, Annotated[kind, *metas] if metas else kind)
    except msgspec.ValidationError as exc:
        raise SettingsError(f"{place}: {_sentence(str(exc))}{shown}") from None
    except ValueError as exc:
        raise SettingsError(f"{place}: {exc}{shown}") from None


def _check_length(value: list[Any], metas: tuple[Meta, ...], place: SettingPlace) -> None:
    for meta in metas:
        if meta.max_length is not None and len(value) > meta.max_length:
            raise SettingsError(f"{place}: holds {len(value)} items; at most {meta.max_length} are allowed")


def _tables(kind: type[Struct], value: Any, place: SettingPlace) -> dict[str, Struct]:
    if not isinstance(value, dict):
        raise SettingsError(f"{place}: should be a table of tables, one a name")
    return {name: build(kind, table, place.key(name)) for name, table in value.items()}


def _duration(value: Any, metas: tuple[Meta, ...]) -> timedelta:
    if not isinstance(value, str):
        raise ValueError("write a duration as text, a number and a unit: '90s', '5m', '48h'")  # noqa: TRY004 - one family
    duration = parse_duration(value)
    for meta in metas:
        least, most = _extra(meta).get("least"), _extra(meta).get("most")
        if least is not None and most is not None and not least <= duration <= most:
            raise ValueError(f"should be from {format_duration(least)} to {format_duration(most)}")
    return duration


def _unwrap(kind: Any) -> tuple[Any, tuple[Meta, ...]]:
    """The type without its bounds, and without `None`: TOML cannot say it, it only stands for "left out"."""
    if get_origin(kind) in (types.UnionType, typing.Union) and type(None) in get_args(kind):
        others = [each for each in get_args(kind) if each is not type(None)]
        if len(others) == 1:
            return _unwrap(others[0])
    if get_origin(kind) is Annotated:
        inner, *metas = get_args(kind)
        return inner, tuple(meta for meta in metas if isinstance(meta, Meta))
    return kind, ()


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Struct)


def _extra(meta: Meta) -> Mapping[str, Any]:
    return meta.extra or {}


def _item(place: SettingPlace, at: int) -> SettingPlace:
    return SettingPlace(place.source, (*place.path[:-1], f"{place.path[-1]}[{at + 1}]"))


def _sentence(text: str) -> str:
    """msgspec's words without its `$` path, which `SettingPlace` says better."""
    return text.split(" - at `$", maxsplit=1)[0].replace("Expected", "expected").replace("Invalid", "invalid")


def _suggest(name: str, known: Mapping[str, object]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean '{near[0]}'?"
    return f"; known here: {', '.join(sorted(known))}" if known else ""


def overlay(
    kind: type[Struct], raw: dict[str, Any], environ: Mapping[str, str], *, elsewhere: frozenset[str] = frozenset()
) -> dict[str, Any]:
    """`raw` with every `RIGWATCH_<SECTION>__<KEY>` of the environment laid over it; `raw` itself is not changed.

    A list's items are counted from 1: `RIGWATCH_NODES__1__TOKEN`. A name with `__` that fits no setting raises
    `SettingsError`, since a misspelt override must not be ignored in silence; sections named in `elsewhere` belong to
    another file and are left alone.
    """
    merged = copy.deepcopy(raw)
    for variable in sorted(environ):
        if not variable.startswith(ENV_PREFIX) or "__" not in variable:
            continue
        section, *rest = variable.removeprefix(ENV_PREFIX).lower().split("__")
        if section not in elsewhere:
            _lay(_Target(kind, merged, variable), [section, *rest], environ[variable])
    return merged


@dataclass(frozen=True, slots=True)
class _Target:
    """A table of the document, its schema, and the variable that is being laid over it."""

    kind: type[Struct]
    table: dict[str, Any]
    variable: str

    def types(self) -> dict[str, Any]:
        return {field.encode_name: field.type for field in msgspec.structs.fields(self.kind)}


def _lay(target: _Target, keys: list[str], text: str) -> None:
    key, *rest = keys
    known = target.types()
    if rest:
        _lay(*_descend(target, key, rest), text)
        return
    plain = key.removesuffix(FILE_SUFFIX.lower())
    if key not in known and known.get(plain) is Secret:
        target.table[plain] = _read_secret(target.variable, text)
        return
    if key not in known:
        raise SettingsError(f"{target.variable}: no such setting{_suggest(key, known)}")
    target.table[key] = _parse_override(known[key], text, target.variable)


def _descend(target: _Target, section: str, rest: list[str]) -> tuple[_Target, list[str]]:
    known = target.types()
    if section not in known:
        raise SettingsError(f"{target.variable}: no such section{_suggest(section, known)}")
    kind, _ = _unwrap(known[section])
    if get_origin(kind) is tuple:
        items = target.table.get(section)
        if (
            len(rest) < 2
            or not rest[0].isdecimal()
            or not isinstance(items, list)
            or int(rest[0]) not in range(1, len(items) + 1)
        ):
            raise SettingsError(
                f"{target.variable}: '{section}' is a list; name an item of the file by its number, from 1"
            )
        kind, inner, rest = get_args(kind)[0], items[int(rest[0]) - 1], rest[1:]
    else:
        inner = target.table.setdefault(section, {})
    if not (isinstance(kind, type) and issubclass(kind, Struct) and isinstance(inner, dict)):
        raise SettingsError(f"{target.variable}: '{section}' is not a section")
    return _Target(kind, inner, target.variable), rest


def _read_secret(variable: str, path: str) -> str:
    try:
        secret = Path(path).read_text("utf-8").rstrip("\r\n")
    except OSError as exc:
        raise SettingsError(f"{variable}: {path} cannot be read ({exc.strerror or exc})") from exc
    except UnicodeDecodeError:
        raise SettingsError(f"{variable}: {path} is not text") from None
    # Taken for "not set", it would quietly open with another secret than was meant.
    if not secret:
        raise SettingsError(f"{variable}: {path} is empty")
    return secret


def _parse_override(kind: Any, text: str, variable: str) -> Any:
    """Texts and durations stand bare in the environment; anything else is written as in TOML."""
    inner, _ = _unwrap(kind)
    if inner in (str, Secret, timedelta) or get_origin(inner) is typing.Literal:
        return text
    try:
        document = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        document = {}
    if len(document) != 1:
        # A list may be one of sources, and a source may hold a password.
        shown = "" if get_origin(inner) else f"{text!r} "
        raise SettingsError(f"{variable}: {shown}is not a value as TOML writes it")
    return document["value"]
