"""That a form of somebody who has not logged in is one of ours: its page was given a cookie and a token that fits."""

import secrets
from typing import Final

from flask import Response, make_response, render_template, request
from werkzeug.exceptions import TooManyRequests

from web.access import csrf
from web.access.sessions import cookie_attributes, cookie_name

_FORM: Final = "rigwatch_form"
_FORM_LENGTH: Final = 43
_OTHERS: Final = frozenset({"cross-site", "same-site"})


def is_ours() -> bool:
    """Newer browsers say from where a form comes; the cookie and the token in it are asked for in any case."""
    if request.headers.get("Sec-Fetch-Site", "") in _OTHERS:
        return False
    return csrf.is_right_for_cookie(_cookie(), csrf.sent())


def page(template: str, status: int, **context: object) -> Response:
    """With the hidden field `proof`, and the cookie that belongs to it."""
    cookie = _cookie() or secrets.token_urlsafe(32)
    proof = csrf.field(csrf.token_for_cookie(cookie))
    response = make_response(render_template(template, proof=proof, **context), status)
    response.set_cookie(cookie_name(_FORM), cookie, **{**cookie_attributes(), "samesite": "Strict"})
    return response


def later(response: Response, exc: TooManyRequests) -> Response:
    response.headers["Retry-After"] = str(exc.retry_after)
    return response


def _cookie() -> str:
    cookie = request.cookies.get(cookie_name(_FORM), "")
    return cookie if len(cookie) == _FORM_LENGTH and cookie.isascii() else ""
