"""One's own second factor: begun with the password, asked for once a code has shown that the phone has the secret."""

import hmac
from collections.abc import Callable
from dataclasses import replace

from flask import Response, g, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import Forbidden, TooManyRequests

from alerts.facts import User
from rigwatch.errors import NotDone
from store import acts, totp
from web.access.login import current_user
from web.access.sessions import NewLogin, current_session
from web.access.totp import address, new_secret, picture, step_of
from web.language.texts import gettext as _
from web.login.context import LoginContext


class AccountProblem(Exception):
    """What was asked for cannot be; the text names the field and what would be right."""


def current_person() -> User:
    """Who asks, who is no program."""
    user = current_user()
    if user is None or ":" in user.name:
        raise Forbidden(_("This is for people; a token has no password and no browser."))
    return user


class SecondFactor:
    """What the forms do. `confirm_password` raises `AccountProblem`; `refused` is the page that says why not."""

    def __init__(
        self,
        context: LoginContext,
        confirm_password: Callable[[User, str], None],
        refused: Callable[[str], Response],
    ) -> None:
        self._context = context
        self._confirm_password = confirm_password
        self._refused = refused

    def begin(self) -> Response:
        user, secret = current_person(), new_secret()
        try:
            self._confirm_password(user, request.form.get("password", ""))
            self._context.act(user, acts.totp.begin, user.name, secret=secret)
        except (AccountProblem, NotDone) as exc:
            return self._refused(str(exc))
        return self._show(user, secret)

    def confirm(self) -> Response:
        user = current_person()
        with self._context.store.read() as tx:
            state = totp.get(tx, user.name)
        # Who only finds the browser open does not know a secret that was begun before, and is not shown it.
        if state is None or state.since is not None or not _is_same(request.form.get("secret", ""), state.secret):
            return self._refused(_("Begin again: there is nothing to confirm."))
        try:
            self._context.passwords.take_code(user.name)
        except TooManyRequests as exc:
            return self._refused(exc.description or "")
        step = step_of(state.secret, request.form.get("code", ""), self._context.clock.now())
        self._context.passwords.code_was(user.name, right=step is not None)
        if step is None:
            return self._show(user, state.secret, _("This code is wrong. Is the clock of your phone right?"))
        made = self._renewed(replace(user, has_totp=True))
        try:
            codes = self._context.act(
                user, acts.totp.confirm, user, secret=state.secret, step=step, made=made.session if made else None
            )
        except NotDone as exc:
            return self._refused(str(exc))
        if made:
            # The forms of this page are sent with the new cookie.
            g.login_session = made.session
        response = make_response(render_template("account_codes.html", codes=codes))
        return self._given(response, made)

    def off(self) -> Response:
        user = current_person()
        made = self._renewed(replace(user, has_totp=False))
        try:
            self._confirm_password(user, request.form.get("password", ""))
            self._context.act(user, acts.totp.reset, user.name, made=made.session if made else None)
        except (AccountProblem, NotDone) as exc:
            return self._refused(str(exc))
        return self._given(make_response(redirect(url_for("account.page", done="totp"), 303)), made)

    def _renewed(self, user: User) -> NewLogin | None:
        session = current_session()
        return self._context.browsers.renewed(user, session) if session else None

    def _given(self, response: Response, made: NewLogin | None) -> Response:
        if made:
            self._context.browsers.give(response, made)
        return response

    def _show(self, user: User, secret: str, problem: str = "") -> Response:
        host = request.host.partition(":")[0]
        shown = picture(address(secret, user.name, host))
        page = render_template("account_totp.html", picture=shown, secret=secret, problem=problem)
        return make_response(page, 400 if problem else 200)


def _is_same(sent: str, secret: str) -> bool:
    return hmac.compare_digest(sent.encode(), secret.encode())
