"""One operation of the API, declared once: the app runs it and the OpenAPI file describes it from the same lines."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

import msgspec
from flask import Response, request, url_for
from msgspec import Struct

from rigwatch.texts import visible_json
from web.api.reading import Nothing, read_body, read_query

JSON = "application/json"


class Budget(Enum):
    """What an operation counts against, in requests a minute of one user."""

    READ = 1200
    DOWNLOAD = 30
    CHANGE = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """`path` is a Flask rule below `/api/v1`. `view` gets its arguments, `query` and `body` where they are declared,
    and answers with a Struct or a response of its own. `refusals` are statuses beyond those of every operation."""

    method: str = "GET"
    path: str
    name: str
    tag: str
    summary: str
    view: Callable[..., Any]
    answer: type[Struct] | None
    status: int = 200
    query: type[Struct] = Nothing
    body: type[Struct] | None = None
    media: str = JSON
    refusals: tuple[int, ...] = ()
    conditional: bool = False
    budget: Budget = Budget.READ

    @property
    def changes(self) -> bool:
        return self.method != "GET"

    def run(self, **arguments: Any) -> Response:  # noqa: ANN401 - what the rule's converters make
        query = read_query(request.args, self.query)
        if self.query is not Nothing:
            arguments["query"] = query
        if self.body is not None:
            arguments["body"] = read_body(request.get_data(), request.mimetype, self.body)
        made = self.view(**arguments)
        return made if isinstance(made, Response) else sent(made, self.status)


def sent(made: Struct, status: int = 200) -> Response:
    return Response(written(made), status, content_type=JSON)


def created(made: Struct, endpoint: str, **arguments: Any) -> Response:  # noqa: ANN401 - of the rule
    """With the address of what was made."""
    response = sent(made, 201)
    response.headers["Location"] = url_for(endpoint, **arguments)
    return response


def written(value: object) -> bytes:
    """JSON in which other people's words command no terminal: many an answer ends in one."""
    return visible_json(msgspec.json.encode(value).decode()).encode()
