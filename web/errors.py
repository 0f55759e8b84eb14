"""The one table from an error to its HTTP status, and how it is shown: as RFC 9457 has it, or as a page to people."""

import logging
from http import HTTPStatus
from typing import Final

import msgspec
from flask import Flask, Response, make_response, render_template, request
from werkzeug.exceptions import BadHost, HTTPException, InternalServerError

from rigwatch.errors import RigwatchError, StoreError, TopicError
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)


PROBLEM: Final = "application/problem+json"


class Problem(msgspec.Struct, frozen=True):
    """What went wrong, by RFC 9457: `title` is the status in words, `detail` one sentence that says what to do."""

    type: str
    title: str
    status: int
    detail: str


class BadQuery(RigwatchError):
    """The address asks for something that the page does not have; the text names what it has."""


STATUS_OF: Final[dict[type[RigwatchError], int]] = {
    BadQuery: 400,
    TopicError: 404,
    StoreError: 503,
}
"""Errors whose sentence may be shown to whoever has logged in. Anything else is a defect: 500, without details."""

_STRANGERS: Final = frozenset({401, 429})

_TITLES: Final = {
    400: N_("That cannot be asked"),
    401: N_("A name and a password are needed"),
    403: N_("Not for this account"),
    404: N_("Nothing here"),
    405: N_("Not done that way"),
    409: N_("Not any more"),
    413: N_("Too much"),
    415: N_("Not in that form"),
    429: N_("Too many wrong passwords"),
    500: N_("Something broke here"),
    503: N_("The database does not answer"),
}


_OTHERWISE: Final = N_("It did not work")

_SENTENCES: Final = {
    404: N_("There is nothing at this address."),
    405: N_("This address does not take that method; the header Allow names those it takes."),
    413: N_("What was sent is too large."),
}
"""Instead of werkzeug's own, where whoever raised the error said nothing of its own."""


def register(app: Flask) -> None:
    """Every way a request can fail ends here."""
    app.before_request(_refuse_host)
    for kind in STATUS_OF:
        app.register_error_handler(kind, _application_error)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _defect)


def _refuse_host() -> Response | None:
    """Under a name that can be no host's there are no addresses, and so no page that could link to any."""
    if isinstance(request.routing_exception, BadHost):
        return Response("The header Host names no host.\n", 400, content_type="text/plain; charset=utf-8")
    return None


def answer(status: int, message: str) -> Response:
    """The error as JSON or HTML, whichever the client would rather have."""
    title = _(_TITLES.get(status, _OTHERWISE))
    if _wants_json():
        # about:blank: the status says what kind of problem it is, and there is no page about each.
        problem = Problem("about:blank", HTTPStatus(status).phrase, status, message)
        response = Response(msgspec.json.encode(problem), content_type=PROBLEM)
    else:
        template = "refused.html" if status in _STRANGERS else "error.html"
        response = make_response(render_template(template, status=status, title=title, message=message))
    response.status_code = status
    return response


def _application_error(exc: Exception) -> Response:
    status = next(code for kind, code in STATUS_OF.items() if isinstance(exc, kind))
    if status >= 500:
        log.warning("request failed path=%s why=%s", request.path, exc)
    return answer(status, str(exc))


def _http_error(exc: HTTPException) -> Response:
    status, message = exc.code or 500, exc.description or ""
    if message == type(exc).description:
        message = _(_SENTENCES.get(status, message))
    response = answer(status, message)
    # What else the answer must say: Allow, Retry-After. The body's own headers are already right.
    for name, value in exc.get_headers():
        if name.lower() not in {"content-type", "content-length"}:
            response.headers[name] = value
    if "Allow" in response.headers:
        # Every address answers it, also where no route says so.
        response.headers["Allow"] = ", ".join(sorted({*response.headers["Allow"].split(", "), "OPTIONS"}))
    return response


def _defect(exc: Exception) -> Response:
    """The last boundary: the request is lost, the process is not; what happened is only in the log."""
    log.error("request broke path=%s", request.path, exc_info=exc)
    return answer(500, InternalServerError.description or "")


def _wants_json() -> bool:
    best = request.accept_mimetypes.best_match(("text/html", "application/json", PROBLEM), default="text/html")
    return best != "text/html" or request.path.startswith("/api/")
