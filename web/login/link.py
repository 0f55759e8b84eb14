"""A link that only reads, `/link?token=…`: its token becomes a cookie at once, so that no address keeps it.

In the query and not in the path, for the path of a request that fails is written into the log.
"""

from typing import Final

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import NotFound

from rigwatch.clock import Millis
from store.tokens import TokenKind
from web.access.sessions import LINK_COOKIE, cookie_attributes, cookie_name
from web.language.texts import gettext as _
from web.login.context import LoginContext, lead_to

_LONGEST_S: Final = 400 * 86_400
"""Browsers keep no cookie for longer (RFC 6265bis, §5.5)."""


class LinkPage:
    """What a link leads to."""

    def __init__(self, context: LoginContext) -> None:
        self._context = context

    def open(self) -> Response:
        """Raises `NotFound` for a token that is over, was removed or never was; wrong ones count as guesses."""
        token = request.args.get("token", "")
        found = self._context.passwords.open_link(token)
        if found is None:
            raise NotFound(_("This link does not work any more. Ask for a new one."))
        where = url_for("wall.page" if found.kind is TokenKind.KIOSK else "overview.page")
        response = lead_to(where.removeprefix(request.script_root))
        age = _age_s(found.expires_at, self._context.clock.now())
        response.set_cookie(cookie_name(LINK_COOKIE), token, max_age=age, **cookie_attributes())
        response.headers["Referrer-Policy"] = "no-referrer"
        return response


def create(context: LoginContext) -> Blueprint:
    blueprint = Blueprint("link", __name__)
    blueprint.add_url_rule("/link", "open", LinkPage(context).open)
    return blueprint


def _age_s(expires_at: Millis | None, now: Millis) -> int:
    return _LONGEST_S if expires_at is None else min(_LONGEST_S, max(0, (expires_at - now) // 1000))
