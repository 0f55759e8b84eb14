"""The second page of a login, `/login/code`, for users with a second factor: a code of six digits, or a recovery code.

Until it is right, the session that the password began opens nothing else, and it is over after five minutes.
"""

from typing import Final

from flask import Response, make_response, redirect, request, url_for
from werkzeug.exceptions import TooManyRequests

from alerts.facts import User
from rigwatch.errors import NotDone
from store import acts, totp
from store.login_sessions import LoginSession
from web.access.browser import safe_next
from web.access.totp import DIGITS, step_of
from web.language.texts import N_
from web.language.texts import gettext as _
from web.login import proof
from web.login.context import LoginContext, lead_to

_WRONG: Final = N_("This code is wrong, or it was used already.")
_CODE_MAX: Final = 100


class CodePage:
    """The form, and what it does."""

    def __init__(self, context: LoginContext) -> None:
        self._context = context

    def page(self) -> Response:
        return self._form() if self._context.browsers.find(wants_code=True) else self._again()

    def send(self) -> Response:
        found = self._context.browsers.find(wants_code=True)
        if found is None:
            return self._again()
        session, user = found
        if not proof.is_ours():
            return self._form(_("This page was too old, or came from elsewhere. Try again."), 403)
        try:
            self._context.passwords.take_code(user.name)
        except TooManyRequests as exc:
            return proof.later(self._form(exc.description or "", 429), exc)
        try:
            response = self._pass(session, user, request.form.get("code", "")[:_CODE_MAX])
        except NotDone:
            response = None
        self._context.passwords.code_was(user.name, right=response is not None)
        return self._form(_(_WRONG), 403) if response is None else response

    def _pass(self, session: LoginSession, user: User, code: str) -> Response | None:
        made = self._context.browsers.make(user, stays=session.stays)
        with self._context.store.read() as tx:
            state = totp.get(tx, user.name)
        if state is None or state.since is None:
            # An admin has reset it meanwhile, which ended this login as well.
            return self._again()
        step = step_of(state.secret, code, self._context.clock.now())
        old = session.hash
        if step is not None:
            self._context.act(user, acts.totp.pass_by_code, user, step=step, old=old, made=made.session)
        elif len(code.strip()) > DIGITS:
            hashed = totp.hash_of(code)
            self._context.act(user, acts.totp.pass_by_recovery, user, hashed=hashed, old=old, made=made.session)
        else:
            return None
        response = lead_to(safe_next(request.form.get("next", "")))
        self._context.browsers.give(response, made)
        return response

    def _form(self, problem: str = "", status: int = 200) -> Response:
        where = safe_next(request.values.get("next", ""))
        return proof.page("login_code.html", status, problem=problem, next=where)

    def _again(self) -> Response:
        """To the beginning; the time for the code is over, or there was no password yet."""
        where = safe_next(request.values.get("next", ""))
        return make_response(redirect(url_for("login.page", next=where or None), 303))


def to_code(where: str) -> Response:
    return make_response(redirect(url_for("login.code", next=where or None), 303))
