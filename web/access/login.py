"""Who may do what, for every route at once: closed unless it says otherwise. No view checks any of this itself.

- Every route but `PUBLIC` needs a login: HTTP Basic (people) or `Authorization: Bearer rwt_…` (programs).
- Every method but GET and HEAD needs the role admin, and a view marked `@admin_only` does for GET too.
- A change by somebody logged in by Basic needs the CSRF token as well (`web.access.csrf`): `{{ csrf_field() }}` in
  the form, or the header `X-CSRF-Token` with what `<meta name="csrf-token">` says.

How often a stranger may guess is decided here too.
"""

import functools
import ipaddress
import logging
import threading
from collections.abc import Callable, Mapping
from typing import Final, ParamSpec, TypeVar

from flask import Flask, Response, current_app, g, request
from flask_httpauth import HTTPBasicAuth, HTTPTokenAuth
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import ClientDisconnected, NotFound, TooManyRequests

from alerts.facts import User, UserRole
from rigwatch.clock import Clock
from rigwatch.errors import StoreError
from store import Store, tokens, users
from store.acts import Actor, Way
from web import errors
from web.access import csrf
from web.access.passwords import Passwords
from web.access.room import Busy, Gone
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")

PUBLIC: Final = frozenset(
    {"health.healthz", "health.readyz", "agent.script", "agent.file", "agent.join", "agent.reported"}
)
"""Endpoints that answer without a password; they tell nothing of the nodes. Those of a rig want a one-time code."""

GONE: Final = "rigwatch.gone"
"""Under this name the server says in a request's state whether its connection is closed: a `threading.Event`."""

SAFE: Final = frozenset({"GET", "HEAD"})
"""Methods that change nothing."""

GUESSES: Final = RateLimitItemPerMinute(10)
"""At one account from one address."""

GUESSES_IN_ALL: Final = RateLimitItemPerMinute(30)
"""From one address, at whatever accounts; wrong tokens count as well."""

_SAID: Final = RateLimitItemPerMinute(60)
_PASSWORD_MAX: Final = 1024
_NAME_MAX: Final = 200
_REALM: Final = "rigwatch"
_ADMIN_ONLY: Final = "rigwatch_admin_only"


def admin_only(view: Callable[P, R]) -> Callable[P, R]:
    """Marks a view that only an admin may see; the check itself is made before any view is called."""

    @functools.wraps(view)
    def marked(*args: P.args, **kwargs: P.kwargs) -> R:
        return view(*args, **kwargs)

    setattr(marked, _ADMIN_ONLY, True)
    return marked


def current_user() -> User | None:
    """Who asks; None only on public routes and on the answer to a stranger. A program's name is `token:NAME`."""
    found: User | None = g.get("flask_httpauth_user")
    return found


def actor() -> Actor:
    """In whose name something is done, and by which way. Only called where somebody has logged in."""
    user = current_user()
    assert user is not None
    return Actor(user.name, Way.API if request.blueprint == "api" else Way.PAGE)


def is_admin() -> bool:
    user = current_user()
    return user is not None and user.role is UserRole.ADMIN


class Guesses:
    """Counts guesses by address and account over the last minute, in this process.

    A guess counts before it is checked: of many at once no more are checked than of as many one after the other.
    """

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def take(self, address: str, account: str) -> bool:
        """Whether there is one left; then it is one less."""
        source = source_of(address)
        return self._limiter.test(GUESSES_IN_ALL, source) and self._limiter.hit(GUESSES, source, account)

    def was_right(self, address: str, account: str) -> None:
        """Who knows the password has not guessed it; those at other accounts stay counted."""
        self._limiter.clear(GUESSES, source_of(address), account)

    def was_wrong(self, address: str, account: str) -> None:
        source = source_of(address)
        self._limiter.hit(GUESSES_IN_ALL, source)
        # Of many addresses together, so many lines are enough to see what is going on.
        if self._limiter.hit(_SAID, "said"):
            log.info("wrong password address=%s", source)
            if not self._limiter.test(GUESSES, source, account):
                log.warning("too many wrong passwords, refusing for a minute address=%s", source)


class Authenticator:
    """Checks the credentials of one request; right ones give the `User`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._passwords = Passwords(clock)
        self._guesses = Guesses()

    def verify(self, name: str, password: str) -> User | None:
        """Raises `TooManyRequests` once an address has guessed too often; who was logged in before is let through."""
        # scrypt fills a short password up with zero bytes, so "secret" and "secret\0" would be one.
        if not name or len(name) > _NAME_MAX or len(password) > _PASSWORD_MAX or "\0" in name + password:
            return None
        with self._store.read() as tx:
            user = users.get(tx, name)
        if user and self._passwords.remembers(name, password, user.password_hash):
            return user
        if user and self._passwords.recognises(name, password, user.password_hash):
            return user if self._passwords.confirm(name, password, user.password_hash) else None
        return user if self._is_right(name, password, user.password_hash if user else None) else None

    def _is_right(self, name: str, password: str, stored: str | None) -> bool:
        address = _address()
        self._take(name)
        try:
            right = self._passwords.check(name, password, stored, source=source_of(address), is_gone=_is_gone)
        except Busy:
            raise TooManyRequests(
                _("Many passwords wait to be checked; try again in a moment."), retry_after=3
            ) from None
        except Gone:
            # Nobody reads this.
            raise ClientDisconnected from None
        (self._guesses.was_right if right else self._guesses.was_wrong)(address, name)
        return right

    def verify_token(self, token: str) -> User | None:
        """As `verify`. Looking a token up costs next to nothing, so a right one is let through in any case."""
        now = self._clock.now()
        hashed = tokens.hash_of(token)
        found = None
        if hashed:
            with self._store.read() as tx:
                found = tokens.find(tx, hashed)
        if found is None or found.is_over(now):
            self._take("")
            self._guesses.was_wrong(_address(), "")
            return None
        g.by_token = True
        if found.wants_note(now):
            self._note_use(found, now)
        return User(f"token:{found.name}", found.role, "")

    def _note_use(self, found: tokens.ApiToken, now: int) -> None:
        try:
            with self._store.write() as tx:
                tokens.note_use(tx, found.number, now)
        except StoreError as exc:
            # It is only for whoever looks at the list; the request itself may not need to write anything.
            log.warning("use of a token not noted token=%s why=%s", found.name, exc)

    def _take(self, account: str) -> None:
        if not self._guesses.take(_address(), account):
            raise TooManyRequests(_("Too many wrong passwords came from your address; wait a minute."), retry_after=60)


def register(app: Flask, store: Store, clock: Clock) -> None:
    """Puts the rules above before every route, the static files and unknown addresses included."""
    login = Authenticator(store, clock)
    people, programs = HTTPBasicAuth(realm=_REALM), HTTPTokenAuth("Bearer", realm=_REALM)
    people.verify_password(login.verify)
    programs.verify_token(login.verify_token)
    guards = {auth: _guard(auth) for auth in (people, programs)}

    def check() -> Response | None:
        asks_for_methods = request.method == "OPTIONS"
        if request.endpoint in PUBLIC and not asks_for_methods:
            return None
        if _is_gone():
            raise ClientDisconnected
        # An unknown address has no endpoint and is refused as well: what exists is nobody's business.
        auth = programs if _offers_token() else people
        if asks_for_methods:
            return _methods() if _is_known(auth) else auth.auth_error_callback(401)
        refused = guards[auth]()
        if refused is not None or request.url_rule is None:
            # Who has logged in may hear that there is no such page, or method.
            return refused
        return _check_rights()

    app.before_request(check)
    app.add_template_global(lambda: csrf.field_for(current_user()), "csrf_field")
    app.add_template_global(_csrf_token, "csrf_token")


def source_of(address: str) -> str:
    """What guesses are counted by: the address, or for IPv6 its /64, which one machine has to itself."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return address


def _guard(auth: HTTPBasicAuth | HTTPTokenAuth) -> Callable[[], Response | None]:
    def refuse(_status: int) -> Response:
        return errors.answer(401, _("Log in with a dashboard user; 'rigwatch user add NAME' makes one."))

    auth.error_handler(refuse)
    guard: Callable[[], Response | None] = auth.login_required(lambda: None)
    return guard


def _is_known(auth: HTTPBasicAuth | HTTPTokenAuth) -> bool:
    """Flask-HTTPAuth lets OPTIONS pass without a password, for pages of other origins; those ask in `cors`."""
    user = auth.authenticate(auth.get_auth(), None)
    return isinstance(user, User)


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
    user, view = current_user(), current_app.view_functions[request.endpoint or ""]
    assert user is not None
    changes = request.method not in SAFE
    if (changes or getattr(view, _ADMIN_ONLY, False)) and user.role is not UserRole.ADMIN:
        return errors.answer(403, _("This needs an account of the role admin."))
    if changes and not g.get("by_token") and not csrf.is_right(user, csrf.sent()):
        return errors.answer(403, _(_NO_CSRF))
    return None


_NO_CSRF: Final = N_(
    "The page that asked for this is too old, or is not one of ours: load it again and repeat. "
    "Programs log in with an API token ('rigwatch token add')."
)


def _csrf_token() -> str:
    user = current_user()
    return csrf.token_for(user) if user else ""


def _is_gone() -> bool:
    """Whether the connection that asks is closed by now, where the server tells (`web/timeouts.py`)."""
    state: Mapping[str, object] = request.environ.get("asgi.scope", {}).get("state", {})
    gone = state.get(GONE)
    return isinstance(gone, threading.Event) and gone.is_set()


def _address() -> str:
    return request.remote_addr or ""
