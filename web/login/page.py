"""The login page, `/login`, and the way out, `/logout`.

Who sends the form must have been given it: a cookie and the token in the form belong together, so no other site can log
a browser in under a name of its choice. The session begins with an id that nobody has seen before.
"""

import contextlib
from typing import Final

from flask import Blueprint, Response, request, url_for
from werkzeug.exceptions import TooManyRequests

from alerts.facts import User
from rigwatch.errors import NotDone
from store import acts
from web.access.browser import safe_next
from web.access.login import current_user
from web.access.sessions import current_session, take_cookie
from web.language.texts import N_
from web.language.texts import gettext as _
from web.login import proof
from web.login.code import CodePage, to_code
from web.login.context import LoginContext, lead_to

_WRONG: Final = N_("Name or password is wrong.")
_STALE: Final = N_("This page was too old, or came from elsewhere. Try again.")


class LoginPage:
    """The form, and what it does."""

    def __init__(self, context: LoginContext) -> None:
        self._context = context

    def page(self) -> Response:
        if self._context.browsers.find() is not None:
            return lead_to(safe_next(request.args.get("next", "")))
        return self._form()

    def log_in(self) -> Response:
        if not proof.is_ours():
            return self._form(_(_STALE), 403)
        name, password = request.form.get("name", ""), request.form.get("password", "")
        try:
            user = self._context.passwords.check(name, password)
        except TooManyRequests as exc:
            return proof.later(self._form(exc.description or "", 429), exc)
        if user is None:
            return self._form(_(_WRONG), 403)
        try:
            return self._let_in(user)
        except NotDone as exc:
            return self._form(str(exc), 403)

    def log_out(self) -> Response:
        user, session = current_user(), current_session()
        assert user is not None
        response = lead_to(url_for("login.page", done="out").removeprefix(request.script_root))
        if session is not None:
            # One that was ended in another window meanwhile is what was asked for.
            with contextlib.suppress(NotDone):
                self._context.act(user, acts.logins.log_out, user.name, session=session.hash)
            take_cookie(response)
        return response

    def _let_in(self, user: User) -> Response:
        """Or, with a second factor, as far as the page that asks for it."""
        browsers, where = self._context.browsers, safe_next(request.form.get("next", ""))
        before = browsers.find()
        made = browsers.make(user, stays="stay" in request.form, wants_code=user.has_totp)
        self._context.act(user, acts.logins.log_in, user, made=made.session, old=before[0].hash if before else "")
        response = to_code(where) if user.has_totp else lead_to(where)
        browsers.give(response, made)
        return response

    def _form(self, problem: str = "", status: int = 200) -> Response:
        return proof.page(
            "login.html",
            status,
            problem=problem,
            done=_("You are logged out.") if request.args.get("done") == "out" else "",
            name=request.form.get("name", ""),
            next=safe_next(request.values.get("next", "")),
            stay=self._context.browsers.stay > 0,
            stays="stay" in request.form,
        )


def create(context: LoginContext) -> Blueprint:
    page = LoginPage(context)
    blueprint = Blueprint("login", __name__)
    blueprint.add_url_rule("/login", "page", page.page)
    blueprint.add_url_rule("/login", "log_in", page.log_in, methods=["POST"])
    code = CodePage(context)
    blueprint.add_url_rule("/login/code", "code", code.page)
    blueprint.add_url_rule("/login/code", "send_code", code.send, methods=["POST"])
    blueprint.add_url_rule("/logout", "log_out", page.log_out, methods=["POST"])
    return blueprint
