"""Who may do what, for every route at once: closed unless it says otherwise. No view checks any of this itself.

- Every route but `PUBLIC` needs a login: a browser's session (`web.access.sessions`), HTTP Basic or
  `Authorization: Bearer rwt_…` (programs). What stands in `Authorization` counts before a session.
- Whom a trusted proxy has let in (`[web] sso_header`) is that user, whatever else is sent along.
- A person without any is led to the login page; a program gets 401, and only a program is asked for Basic.
- Every method but GET and HEAD needs the role admin, and a view marked `@admin_only` does for GET too. The routes in
  `OWN` are about nobody but who asks, and need a user.
- A change by anybody but a token's program needs the CSRF token as well (`web.access.csrf`): `{{ csrf_field() }}` in
  the form, or the header `X-CSRF-Token` with what `<meta name="csrf-token">` says.
"""

import functools
from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, make_response, redirect, request
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth
from werkzeug.exceptions import ClientDisconnected, NotFound

from alerts.facts import User, UserRole
from store.acts import Actor, Way
from store.tokens import TokenKind
from web import errors
from web.access import csrf
from web.access.authenticator import Authenticator, is_gone
from web.access.browser import is_browser, login_address, opens_page
from web.access.proxied import Proxied
from web.access.reach import KIOSK, LINKED, OWN, PUBLIC, is_admin_somewhere, refusal
from web.access.sessions import LINK_COOKIE, BrowserLogins, cookie_name, current_session
from web.access.sites import may_change
from web.language.texts import N_
from web.language.texts import gettext as _

P = ParamSpec("P")
R = TypeVar("R")

SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

_REALM: Final = "rigwatch"
_ADMIN_ONLY: Final = "rigwatch_admin_only"
_LOG_IN: Final = N_("Log in with a dashboard user; 'rigwatch user add NAME' makes one.")


def opens(endpoint: str) -> bool:
    """Whether the link opens that page by which the viewer came instead of logging in; without one, True."""
    kind: TokenKind | None = g.get("link_kind")
    return kind is None or endpoint in (KIOSK if kind is TokenKind.KIOSK else LINKED)


def by_link() -> bool:
    """Whether a link for reading has opened this page, so that there is nothing else to go to."""
    return g.get("link_kind") is not None


def admin_only(view: Callable[P, R]) -> Callable[P, R]:
    """Marks a view that only an admin may see; the check itself is made before any view is called."""

    @functools.wraps(view)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs)

    setattr(marked, _ADMIN_ONLY, True)
    return marked


def current_user() -> User | None:
    """Who asks; None only on public routes and on the answer to a stranger. A program's name is `token:NAME`."""
    found: User | None = g.get("rigwatch_user")
    return found


def actor() -> Actor:
    """In whose name something is done, and by which way. Only called where somebody has logged in."""
    user = current_user()
    assert user is not None
    return Actor(user.name, Way.API if request.blueprint == "api" else Way.PAGE)


def is_admin() -> bool:
    """Of all sites, or of one at least."""
    user = current_user()
    return user is not None and is_admin_somewhere(user)


def register(app: Flask, login: Authenticator, browsers: BrowserLogins, proxied: Proxied) -> None:
    """Puts the rules above before every route, unknown addresses included."""
    people, programs = HTTPBasicAuth(realm=_REALM), HTTPTokenAuth("Bearer", realm=_REALM)
    people.verify_password(login.verify)
    programs.verify_token(login.verify_token)
    guards = {auth: _guard(auth) for auth in (people, programs)}

    def check() -> Response | None:
        asks_for_methods = request.method == "OPTIONS"
        if request.endpoint in PUBLIC and not asks_for_methods:
            return None
        if is_gone():
            raise ClientDisconnected
        # An unknown address has no endpoint and is refused as well: what exists is nobody's business.
        if (user := proxied.find()) is not None:
            g.rigwatch_user, refused = user, None
        elif "Authorization" not in request.headers:
            refused = None if _has_session(browsers) or _has_link(login) else _ask_to_log_in(people)
        else:
            refused = _check_header(guards, programs if _offers_token() else people)
        if refused is not None:
            return refused
        if asks_for_methods:
            return _methods()
        # Who has logged in may hear that there is no such page, or method.
        return None if request.url_rule is None else _check_rights()

    app.before_request(check)
    app.add_template_global(lambda: csrf.field(_csrf_token()), "csrf_field")
    app.add_template_global(_csrf_token, "csrf_token")
    for helper in (current_session, by_link, may_change):
        app.add_template_global(helper, helper.__name__)
    app.add_template_global(is_admin, "administers")


def _guard(auth: HTTPBasicAuth | HTTPTokenAuth) -> Callable[[], Response | None]:
    auth.error_handler(lambda _status: errors.answer(401, _(_LOG_IN)))
    guard: Callable[[], Response | None] = auth.login_required(lambda: None)
    return guard


def _check_header(
    guards: Mapping[HTTPBasicAuth | HTTPTokenAuth, Callable[[], Response | None]], auth: HTTPBasicAuth | HTTPTokenAuth
) -> Response | None:
    if request.method == "OPTIONS":
        # Flask-HTTPAuth lets it pass without a password, for pages of other origins; those ask in `cors`.
        user = auth.authenticate(auth.get_auth(), None)
        return None if isinstance(user, User) else make_response(auth.auth_error_callback(401))
    refused = guards[auth]()
    if refused is None:
        g.rigwatch_user = g.flask_httpauth_user
    return refused


def _has_session(browsers: BrowserLogins) -> bool:
    found = browsers.find()
    if found is not None:
        g.login_session, g.rigwatch_user = found
    return found is not None


def _has_link(login: Authenticator) -> bool:
    """A cookie that a link has left, which opens a few pages for reading."""
    token = request.cookies.get(cookie_name(LINK_COOKIE), "")
    found = login.verify_link(token) if token else None
    if found is not None:
        g.link_kind, g.rigwatch_user, g.by_token = found.kind, found.as_user(), True
    return found is not None


def _ask_to_log_in(people: HTTPBasicAuth) -> Response:
    if opens_page():
        return make_response(redirect(login_address(), 303))
    response = errors.answer(401, _(_LOG_IN))
    # A browser that is asked for Basic opens a window of its own, in front of a page that may only have grown old.
    response.headers["WWW-Authenticate"] = f'Bearer realm="{_REALM}"' if is_browser() else people.authenticate_header()
    return response


def _methods() -> Response:
    """What may be done at this address (RFC 9110, §9.3.7)."""
    address = current_app.create_url_adapter(request)
    methods = set(address.allowed_methods()) if address else set()
    if not methods:
        raise NotFound
    return Response(status=204, headers={"Allow": ", ".join(sorted({*methods, "OPTIONS"}))})


def _offers_token() -> bool:
    # Flask-HTTPAuth's MultiAuth would know the scheme only as it is usually written; RFC 9110 lets it be in any case.
    return request.headers.get("Authorization", "").lower().startswith("bearer ")


def _check_rights() -> Response | None:
    user, endpoint = current_user(), request.endpoint or ""
    assert user is not None
    changes = request.method not in SAFE
    needs_admin = changes or getattr(current_app.view_functions[endpoint], _ADMIN_ONLY, False)
    if endpoint in OWN:
        if g.get("by_token"):
            return errors.answer(403, _("This is for people; a token has no password and no browser."))
    elif not opens(endpoint):
        return errors.answer(403, _("This link does not open that page."))
    elif user.sites is None:
        if needs_admin and user.role is not UserRole.ADMIN:
            return errors.answer(403, _("This needs an account of the role admin."))
    elif (status := refusal(user, endpoint, (request.view_args or {}).get("site"), changes=needs_admin)) is not None:
        return _kept_out(status)
    if changes and not g.get("by_token") and not csrf.is_right(user, csrf.sent(), _session_hash()):
        return errors.answer(403, _(_NO_CSRF))
    return None


def _kept_out(status: int) -> Response:
    if status == 404:
        raise NotFound
    return errors.answer(status, _("This needs an account for all sites, or the role admin for that site."))


_NO_CSRF: Final = N_(
    "The page that asked for this is too old, or is not one of ours: load it again and repeat. "
    "Programs log in with an API token ('rigwatch token add')."
)


def _session_hash() -> str:
    session = current_session()
    return session.hash if session else ""


def _csrf_token() -> str:
    user = current_user()
    return csrf.token_for(user, _session_hash()) if user else ""
