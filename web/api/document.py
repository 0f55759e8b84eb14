"""The OpenAPI file, made from the operations and the Structs that they take and give. No request is handled here."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from rigwatch import __version__
from rigwatch.topics import NAME_PATTERN
from web.api.operation import JSON, Operation
from web.errors import PROBLEM, Problem

_ARGUMENT: Final = re.compile(r"<(?:(?P<kind>int)\(min=1, max=(?P<most>\d+)\):)?(?P<name>\w+)>")
_REF: Final = "#/components/schemas/{name}"
_ALWAYS: Final = (400, 401, 429, 500, 503)
_WORDS: Final = {
    304: "It is as it was: you have it already (If-None-Match).",
    400: "A parameter or the body is wrong; `detail` names it.",
    401: "No login, or a wrong one.",
    403: "This login may not change anything, or the CSRF token is missing.",
    404: "There is no such node, incident or silence.",
    409: "It is over, or was done already.",
    413: "The body is too large.",
    415: "The body is not JSON by its Content-Type.",
    429: "Too many requests, or wrong passwords; `Retry-After` says how many seconds to wait.",
    500: "A defect; the server's log knows more.",
    503: "The database does not answer, or the server has its hands full.",
}
_DESCRIPTION: Final = """\
Everything the dashboard shows, for programs. Moments are RFC 3339 in UTC with milliseconds, as fields that end in `_at`
and as the parameters `from` and `to`. Units: hashrate H/s, temperature °C, power W, fan and cpu %, uptime s; other
durations have their unit in their name (`_s`, `_ms`). `null` is "not known", never 0. An unknown parameter or field is
refused. New fields may come; none goes or changes within v1.
"""


def openapi(operations: Sequence[Operation]) -> dict[str, Any]:
    """The document, OpenAPI 3.1."""
    bodies = {kind for each in operations for kind in (each.answer, each.body) if kind is not None}
    schemas = _schemas([*sorted(bodies, key=lambda kind: kind.__name__), Problem])
    paths: dict[str, dict[str, Any]] = {}
    for each in operations:
        paths.setdefault(f"/api/v1{_template(each.path)}", {})[each.method.lower()] = _described(each)
    return {
        "openapi": "3.1.0",
        "info": {"title": "rigwatch", "version": __version__, "description": _DESCRIPTION},
        "security": [{"token": []}, {"password": []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(each.tag for each in operations)],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer", "description": "An API token, `rwt_…`."},
                "password": {
                    "type": "http",
                    "scheme": "basic",
                    "description": "A dashboard user. Changes by a browser need its CSRF token as well.",
                },
            },
        },
    }


def _described(of: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": of.name,
        "tags": [of.tag],
        "summary": of.summary,
        "description": "Needs the role admin." if of.changes else "",
        "parameters": [*_arguments(of.path), *_parameters(of.query)],
        "responses": {str(status): body for status, body in _responses(of)},
    }
    if of.body is not None:
        described["requestBody"] = {"required": True, "content": {JSON: {"schema": _ref(of.body)}}}
    return {name: value for name, value in described.items() if value}


def _responses(of: Operation) -> Iterable[tuple[int, dict[str, Any]]]:
    schema = _ref(of.answer) if of.answer else {"type": "string"}
    yield of.status, {"description": of.summary, "content": {of.media: {"schema": schema}}}
    if of.conditional:
        yield 304, {"description": _WORDS[304]}
    refusals = {*_ALWAYS, *of.refusals}
    if of.changes:
        refusals.add(403)
    if of.body is not None:
        refusals |= {413, 415}
    for status in sorted(refusals):
        yield status, {"description": _WORDS[status], "content": {PROBLEM: {"schema": _ref(Problem)}}}


def _template(path: str) -> str:
    return _ARGUMENT.sub(lambda found: f"{{{found['name']}}}", path)


def _arguments(path: str) -> list[dict[str, Any]]:
    return [
        {"name": found["name"], "in": "path", "required": True, "schema": _argument(found["most"])}
        for found in _ARGUMENT.finditer(path)
    ]


def _argument(most: str | None) -> dict[str, Any]:
    if most is None:
        return {"type": "string", "pattern": NAME_PATTERN}
    return {"type": "integer", "minimum": 1, "maximum": int(most)}


def _parameters(query: type[Struct]) -> Iterable[dict[str, Any]]:
    """The Struct's fields; `additionalProperties` of a query cannot be said in OpenAPI, the description does."""
    schema = _schemas([query])
    for name, value in schema.pop(query.__name__)["properties"].items():
        text = value.pop("description", "")
        # Here an empty text is what stands for "not given"; sent, it would be refused.
        if value.get("default") == "":
            del value["default"]
        yield {"name": name, "in": "query", "description": text, "schema": _inlined(value, schema)}


def _inlined(value: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """A parameter's schema without references: they would be the only ones to types that no body has."""
    if "$ref" in value:
        value = {**schemas[value.pop("$ref").rpartition("/")[2]], **value}
    for part in ("anyOf", "allOf"):
        if part in value:
            value[part] = [_inlined(each, schemas) for each in value[part]]
    if "items" in value:
        value["items"] = _inlined(value["items"], schemas)
    return value


def _schemas(kinds: Iterable[type[Struct]]) -> dict[str, Any]:
    _, schemas = msgspec.json.schema_components(list(kinds), ref_template=_REF)
    for each in schemas.values():
        # A docstring is broken into lines for whoever reads the code.
        each["description"] = " ".join(each.get("description", "").split())
    return schemas


def _ref(kind: type[Struct]) -> dict[str, str]:
    return {"$ref": _REF.format(name=kind.__name__)}
