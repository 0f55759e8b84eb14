"""My account, `/account`: one's own password, and the browsers in which one is logged in."""

import contextlib
from typing import Final, NamedTuple

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import TooManyRequests

from alerts.facts import User
from rigwatch.errors import NotDone
from store import acts, login_sessions, totp
from store.login_sessions import LoginSession
from web import units
from web.access.authenticator import PASSWORD_MAX
from web.access.passwords import PASSWORD_MIN, hash_password
from web.access.sessions import current_session, take_cookie
from web.account.second import AccountProblem, SecondFactor, current_person
from web.language.texts import N_
from web.language.texts import gettext as _
from web.login.context import LoginContext, lead_to
from web.zone import Zone

_DONE: Final = {
    "password": N_("Your password is changed. You are logged out everywhere else."),
    "out": N_("That browser is logged out."),
    "totp": N_("Your password is enough again. You are logged out everywhere else."),
}


class BrowserLine(NamedTuple):
    """A browser in the list, in words; `here`: this one."""

    hash: str
    agent: str
    since: str
    seen: str
    ends: str
    here: bool


class AccountPage:
    """The page, and what its forms do."""

    def __init__(self, context: LoginContext, zone: Zone) -> None:
        self._context = context
        self._zone = zone

    def page(self) -> str:
        return self._page()

    def password(self) -> Response:
        user = current_person()
        form, new = request.form, request.form.get("new", "")
        try:
            self.confirm(user, form.get("password", ""))
            _check_new(user, new, form.get("again", ""))
        except AccountProblem as exc:
            return self.refused(str(exc))
        changed = User(user.name, user.role, hash_password(new), user.sites, has_totp=user.has_totp)
        session = current_session()
        made = self._context.browsers.renewed(changed, session) if session else None
        self._context.act(
            user,
            acts.logins.set_own_password,
            user,
            password_hash=changed.password_hash,
            made=made.session if made else None,
        )
        response = _done("password")
        if made:
            self._context.browsers.give(response, made)
        return response

    def log_out_one(self) -> Response:
        """Another browser; this one has a button of its own on each page."""
        user = current_person()
        # One that has ended meanwhile is what was asked for.
        with contextlib.suppress(NotDone):
            self._context.act(user, acts.logins.log_out, user.name, session=request.form.get("session", ""))
        return _done("out")

    def log_out_everywhere(self) -> Response:
        user = current_person()
        self._context.act(user, acts.logins.log_out_everywhere, user.name)
        response = lead_to(url_for("login.page", done="out").removeprefix(request.script_root))
        take_cookie(response)
        return response

    def confirm(self, user: User, password: str) -> None:
        """Who finds a browser open must not be able to take it over; guesses count as at the login."""
        try:
            if self._context.passwords.check(user.name, password) is None:
                raise AccountProblem(_("Your password: it is not this one."))
        except TooManyRequests as exc:
            raise AccountProblem(exc.description or "") from None

    def refused(self, problem: str) -> Response:
        return make_response(self._page(problem), 400)

    def _page(self, problem: str = "") -> str:
        user, now = current_person(), self._context.clock.now()
        with self._context.store.read() as tx:
            sessions, codes = login_sessions.of(tx, user.name), totp.codes_left(tx, user.name)
        here, is_over = current_session(), self._context.browsers.is_over
        return render_template(
            "account.html",
            problem=problem,
            done=_(_DONE.get(request.args.get("done", ""), "")),
            browsers=[self._line(each, here, now) for each in sessions if not is_over(each)],
            codes=codes,
            least=PASSWORD_MIN,
            most=PASSWORD_MAX,
        )

    def _line(self, session: LoginSession, here: LoginSession | None, now: int) -> BrowserLine:
        return BrowserLine(
            hash=session.hash,
            agent=session.agent,
            since=self._zone.full(session.created_at),
            seen=_("%(age)s ago", age=units.age(now - session.seen_at)),
            ends=self._zone.full(session.expires_at),
            here=here is not None and here.hash == session.hash,
        )


def create(context: LoginContext, *, zone: Zone) -> Blueprint:
    page = AccountPage(context, zone)
    blueprint = Blueprint("account", __name__, url_prefix="/account")
    blueprint.add_url_rule("", "page", page.page)
    blueprint.add_url_rule("/password", "password", page.password, methods=["POST"])
    second = SecondFactor(context, page.confirm, page.refused)
    for name, do in {"begin": second.begin, "confirm": second.confirm, "off": second.off}.items():
        blueprint.add_url_rule(f"/totp/{name}", f"totp_{name}", do, methods=["POST"])
    blueprint.add_url_rule("/logout", "log_out_one", page.log_out_one, methods=["POST"])
    blueprint.add_url_rule("/logout-everywhere", "log_out_everywhere", page.log_out_everywhere, methods=["POST"])
    return blueprint


def _check_new(user: User, new: str, again: str) -> None:
    if not PASSWORD_MIN <= len(new) <= PASSWORD_MAX:
        raise AccountProblem(
            _("New password: should have %(least)s to %(most)s characters.", least=PASSWORD_MIN, most=PASSWORD_MAX)
        )
    if "\0" in new or new.casefold() == user.name.casefold():
        raise AccountProblem(_("New password: should be another than your name, and without a NUL."))
    if new != again:
        raise AccountProblem(_("New password, again: the two are not the same."))


def _done(code: str) -> Response:
    return make_response(redirect(url_for("account.page", done=code), 303))
