"""What a request asks for, read strictly into a Struct: from its query or its JSON body. Nothing is looked up here."""

import re
from functools import cache
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Struct
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import UnsupportedMediaType

from web.errors import BadQuery

Asked = TypeVar("Asked", bound=Struct)

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_MOMENT: Final = re.compile(r"(?i)\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)")
_WORDS: Final = {"true": True, "false": False}
_PLACE: Final = re.compile(r"(?s)(?P<what>.*) - at `\$\.?(?P<where>.*)`")


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """The query of an operation that takes none."""


def read_query(given: MultiDict[str, str], kind: type[Asked]) -> Asked:
    """Raises `BadQuery` that names the parameter: an unknown one, one given twice, one whose value cannot be."""
    fields = _types(kind)
    for name in given:
        if name not in fields:
            known = ", ".join(fields) or "none"
            raise BadQuery(f"{name[:100]}: there is no such parameter here; there is {known}")
        if len(given.getlist(name)) > 1:
            raise BadQuery(f"{name}: is given twice")
    typed = {}
    for name, text in given.items():
        try:
            typed[name] = _typed(text, fields[name])
        except ValueError as exc:
            raise BadQuery(f"{name}: {exc}") from None
    return _converted(typed, kind)


def read_body(data: bytes, mimetype: str, kind: type[Asked]) -> Asked:
    """Raises `BadQuery` that names the field, or werkzeug's 415 for what is not JSON by its own words."""
    if mimetype != "application/json":
        raise UnsupportedMediaType("Send the body as JSON, with 'Content-Type: application/json'.")
    try:
        given = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadQuery("the body is not JSON") from None
    return _converted(given, kind)


@cache
def _types(kind: type[Struct]) -> dict[str, msgspec.inspect.Type]:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    return {each.encode_name: _bare(each.type) for each in info.fields}


def _bare(wanted: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Without its description."""
    while isinstance(wanted, msgspec.inspect.Metadata):
        wanted = wanted.type
    # That a parameter need not be given, `| UnsetType`, is no part of what msgspec tells of it.
    assert not isinstance(wanted, msgspec.inspect.UnionType)
    return wanted


def _typed(text: str, wanted: msgspec.inspect.Type) -> object:
    """A query's values are texts; `ValueError` says what this one should have been."""
    if isinstance(wanted, msgspec.inspect.IntType):
        if not _WHOLE.fullmatch(text):
            raise ValueError("should be a whole number")
        return int(text)
    if isinstance(wanted, msgspec.inspect.BoolType):
        if text not in _WORDS:
            raise ValueError("should be true or false")
        return _WORDS[text]
    if isinstance(wanted, msgspec.inspect.EnumType):
        known = [str(each.value) for each in wanted.cls]
        if text not in known:
            raise ValueError(f"should be one of {', '.join(known)}")
    if isinstance(wanted, msgspec.inspect.DateTimeType) and not _MOMENT.fullmatch(text):
        raise ValueError("should be a moment such as 2026-11-23T14:00:00Z (in an address, write + as %2B)")
    return text


def _converted(given: Any, kind: type[Asked]) -> Asked:  # noqa: ANN401 - whatever was sent
    try:
        return msgspec.convert(given, kind)
    except msgspec.ValidationError as exc:
        raise BadQuery(_sentence(str(exc))) from None


def _sentence(text: str) -> str:
    """`limit: expected int <= 1000`, from msgspec's words."""
    found = _PLACE.fullmatch(text)
    what, where = (found["what"], found["where"]) if found else (text, "")
    what = (what[:1].lower() + what[1:]).replace("`", "")
    return f"{where}: {what}" if where else f"the body: {what}"
