"""Reads an answer into a shape, tolerantly: a value that is none costs that value and is named, and never the rest."""

import math
import re
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Final, TypeVar, cast

from msgspec import inspect

from publisher.sources.mending import loads
from publisher.sources.reading import SourceError

Shape = TypeVar("Shape")

_NOTHING: Final = frozenset(
    ("", "-", "--", "---", "?", "n/a", "na", "nan", "-nan", "null", "none", "nil", "off", "unknown", "undefined")
)
"""What is written where nothing is known; in small letters."""
_NUMBER: Final = re.compile(
    r"([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*(?:%|°?\s*c|w|s|rpm)?\Z", re.IGNORECASE | re.ASCII
)
_GROUPED: Final = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?\Z", re.ASCII)
_HIGHEST: Final = 1e300
_TRUE: Final = frozenset(("true", "yes", "y", "on", "1"))
_FALSE: Final = frozenset(("false", "no", "n", "off", "0"))
_SENTINELS: Final = frozenset((float(2**32 - 1), float(2**63 - 1), float(2**64 - 1)))
"""What programs write for "no value" in unsigned numbers: they are -1, seen otherwise."""


class UnreadableError(SourceError):
    """A value that is not of its type; the text names no more than the type that it should have."""


class OtherShapeError(SourceError):
    """The answer as a whole is not of the shape."""


def read(value: object, kind: type[Shape], note: Callable[[str], None]) -> Shape:
    """The value in the shape of `kind`; `note` gets a line for each part that cannot be read, which is then as if it
    were absent. Raises OtherShapeError where the value is no answer of that shape at all: it is of another type, or
    what the shape requires is missing.
    """
    try:
        result: Shape = _read(value, _spec(cast(Hashable, kind)), "", note)
    except UnreadableError as exc:
        raise OtherShapeError(str(exc)) from None
    return result


def number_of(text: str) -> float:
    """Of `61.2`, `  6.0000`, `1,234.5`, `55 C` or `62%`; raises UnreadableError for what is none."""
    plain = text.strip()
    if _GROUPED.match(plain):
        plain = plain.replace(",", "")
    found = _NUMBER.match(plain)
    if found is None:
        raise UnreadableError("not a number")
    return float(found[1])


@cache
def _spec(kind: Hashable) -> inspect.Type:
    return inspect.type_info(kind)


def _read(value: Any, spec: inspect.Type, path: str, note: Callable[[str], None]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(spec, inspect.AnyType):
        return value
    reader = _READERS.get(type(spec))
    if reader is None:
        raise UnreadableError(f"expected {type(spec).__name__.removesuffix('Type').lower()}, got {_said(value)}")
    return reader(value, spec, path, note)


def _one_of(value: Any, spec: inspect.UnionType, path: str, note: Callable[[str], None]) -> Any:  # noqa: ANN401 - JSON
    optional = any(isinstance(each, inspect.NoneType) for each in spec.types)
    kinds = [each for each in spec.types if not isinstance(each, inspect.NoneType)]
    if optional and (value is None or _is_nothing(value, kinds)):
        return None
    trouble = UnreadableError("nothing that is known")
    # A number is a number where it may be one or a text.
    for kind in sorted(kinds, key=lambda each: isinstance(each, inspect.StrType)):
        try:
            return _read(value, kind, path, note)
        except UnreadableError as exc:
            trouble = exc
    raise trouble


def _is_nothing(value: object, kinds: list[inspect.Type]) -> bool:
    """Whether it says that a number is not known; of a text only that it is a text."""
    if not any(isinstance(kind, inspect.IntType | inspect.FloatType) for kind in kinds):
        return False
    if isinstance(value, str):
        return value.strip().lower() in _NOTHING and not any(isinstance(kind, inspect.StrType) for kind in kinds)
    if isinstance(value, float) and math.isnan(value):
        return True
    unsigned = all(getattr(kind, "ge", None) == 0 for kind in kinds)
    if not unsigned or isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _HIGHEST:
        return False
    return value == -1 or float(value) in _SENTINELS


def _struct(value: Any, spec: inspect.StructType, path: str, note: Callable[[str], None]) -> Any:  # noqa: ANN401 - JSON
    told = _from_text(value) if isinstance(value, str) else value
    if not isinstance(told, dict):
        raise UnreadableError(f"expected object, got {_said(value)}")
    found: dict[str, Any] = {}
    for field in spec.fields:
        if field.encode_name not in told:
            if field.required:
                raise UnreadableError(f"object missing required field `{field.encode_name}`")
            continue
        place = f"{path}.{field.encode_name}" if path else field.encode_name
        given = told[field.encode_name]
        try:
            found[field.name] = _read(given, field.type, place, note)
        except UnreadableError as exc:
            if given is not None:
                note(f"{place}: {exc}")
            if field.required:
                found[field.name] = _empty(field.type)
    return spec.cls(**found)


def _list(value: Any, spec: inspect.ListType, path: str, note: Callable[[str], None]) -> list[Any]:  # noqa: ANN401 - JSON
    """A text may hold a list, and one thing may stand for a list of one."""
    told = _from_text(value) if isinstance(value, str) else value
    holds_objects = isinstance(spec.item_type, inspect.StructType | inspect.DictType)
    if isinstance(told, dict) and holds_objects:
        told = [told]
    if not isinstance(told, list):
        if holds_objects or told is None:
            raise UnreadableError(f"expected array, got {_said(value)}")
        told = [told]
    found: list[Any] = []
    for at, each in enumerate(told):
        try:
            found.append(_read(each, spec.item_type, f"{path}[{at}]", note))
        except UnreadableError as exc:
            if each is not None:
                note(f"{path}[{at}]: {exc}")
            # The place of what follows must not change.
            found.append(_empty(spec.item_type))
    return found


def _dict(value: Any, spec: inspect.DictType, path: str, note: Callable[[str], None]) -> dict[str, Any]:  # noqa: ANN401 - JSON
    told = _from_text(value) if isinstance(value, str) else value
    if not isinstance(told, dict):
        raise UnreadableError(f"expected object, got {_said(value)}")
    found: dict[str, Any] = {}
    for key, each in told.items():
        try:
            found[str(key)] = _read(each, spec.value_type, f"{path}.{key}" if path else str(key), note)
        except UnreadableError as exc:
            if each is not None:
                note(f"{path}.{key}: {exc}")
    return found


def _number(value: Any, spec: inspect.IntType | inspect.FloatType) -> float:  # noqa: ANN401 - JSON
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableError(f"expected number, got {_said(value)}")
    number: int | float = number_of(value) if isinstance(value, str) else value
    # Beyond what a float can hold there is no figure either.
    if abs(number) > _HIGHEST or number != number:  # noqa: PLR0124 - not a number is the one that differs from itself
        raise UnreadableError("not a number")
    if isinstance(spec, inspect.IntType):
        if number != int(number):
            raise UnreadableError("not a whole number")
        number = int(number)
    if (spec.ge is not None and number < spec.ge) or (spec.le is not None and number > spec.le):
        raise UnreadableError(f"{number:g} cannot be")
    return number if isinstance(spec, inspect.IntType) else float(number)


def _bool(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower() if isinstance(value, str | int) else ""
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise UnreadableError(f"expected true or false, got {_said(value)}")


def _text(value: object) -> str:
    """A number where a text should be is a worker called 4, or a version 0.3."""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{value:g}" if isinstance(value, float) else str(value)
    raise UnreadableError(f"expected text, got {_said(value)}")


def _from_text(text: str) -> object:
    """What a text holds, where a script wrote an object or a list as a text."""
    if text.lstrip()[:1] not in ("[", "{"):
        return text
    try:
        found: object = loads(text.encode("utf-8", errors="replace"))
    except SourceError:
        return text
    return found


def _empty(spec: inspect.Type) -> Any:  # noqa: ANN401 - JSON
    """What stands for a value that cannot be read, where something has to stand."""
    match spec:
        case inspect.StructType():
            if any(field.required for field in spec.fields):
                raise UnreadableError("nothing that can be read")
            return spec.cls()
        case inspect.ListType():
            return []
        case inspect.DictType():
            return {}
    return None


def _said(value: object) -> str:
    names = ((bool, "true or false"), (int | float, "number"), (str, "text"), (list, "array"), (dict, "object"))
    return next((name for kind, name in names if isinstance(value, kind)), "null")


_READERS: Final[dict[type[inspect.Type], Callable[..., Any]]] = {
    inspect.UnionType: _one_of,
    inspect.StructType: _struct,
    inspect.ListType: _list,
    inspect.DictType: _dict,
    inspect.IntType: lambda value, spec, *_: _number(value, spec),
    inspect.FloatType: lambda value, spec, *_: _number(value, spec),
    inspect.BoolType: lambda value, *_: _bool(value),
    inspect.StrType: lambda value, *_: _text(value),
}
