"""Who may see anything: HTTP Basic on every route but the public ones, and how often a stranger may guess."""

import ipaddress
import logging
from typing import Final

from flask import Flask, Response, request
from flask_httpauth import HTTPBasicAuth
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from werkzeug.exceptions import MethodNotAllowed, TooManyRequests

from rigwatch.clock import Clock
from subscriber.facts import Role, User
from subscriber.store import Store
from web import errors
from web.passwords import Passwords

log = logging.getLogger(__name__)

PUBLIC: Final = frozenset({"health.healthz"})
"""Endpoints that answer without a password; they tell nothing of the nodes."""

GUESSES: Final = RateLimitItemPerMinute(10)
_PASSWORD_MAX: Final = 1024
_NAME_MAX: Final = 200


class Guesses:
    """Counts wrong passwords by address over the last minute, in this process."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def allowed(self, address: str) -> bool:
        return self._limiter.test(GUESSES, source_of(address))

    def count(self, address: str) -> None:
        source = source_of(address)
        self._limiter.hit(GUESSES, source)
        log.info("wrong password address=%s", source)
        if not self._limiter.test(GUESSES, source):
            log.warning("too many wrong passwords, refusing for a minute address=%s", source)


class Login:
    """Checks the credentials of one request; a right password gives the `User`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._passwords = Passwords(clock)
        self._guesses = Guesses()

    def verify(self, name: str, password: str) -> User | None:
        """Raises `TooManyRequests` once an address has guessed too often; who is logged in already is let through."""
        # scrypt fills a short password up with zero bytes, so "secret" and "secret\0" would be one.
        if not name or len(name) > _NAME_MAX or len(password) > _PASSWORD_MAX or "\0" in name + password:
            return None
        user = self._store.user(name)
        if user and self._passwords.remembers(name, password, user.password_hash):
            return user
        address = request.remote_addr or ""
        if not self._guesses.allowed(address):
            raise TooManyRequests("Too many wrong passwords came from your address; wait a minute.", retry_after=60)
        if self._passwords.check(name, password, user.password_hash if user else None):
            return user
        self._guesses.count(address)
        return None


def register(app: Flask, store: Store, clock: Clock) -> HTTPBasicAuth:
    """Puts the password before every route, the static files and unknown addresses included."""
    login = Login(store, clock)
    auth = HTTPBasicAuth(realm="rigwatch")
    auth.verify_password(login.verify)
    auth.get_user_roles(_roles)
    auth.error_handler(_refuse)
    guard = auth.login_required(lambda: None)

    def require_password() -> Response | None:
        if request.method == "OPTIONS":
            # Flask-HTTPAuth lets it pass without a password, for pages of other origins; there are none.
            raise MethodNotAllowed(["GET", "HEAD"])
        # An unknown address has no endpoint and is refused as well: what exists is nobody's business.
        return None if request.endpoint in PUBLIC else guard()

    app.before_request(require_password)
    return auth


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


def _roles(user: User) -> list[str]:
    return [Role.ADMIN.value, Role.VIEWER.value] if user.role is Role.ADMIN else [Role.VIEWER.value]


def _refuse(status: int) -> Response:
    if status == 403:
        return errors.answer(403, "This needs an account of the role admin.")
    return errors.answer(401, "Log in with a dashboard user; 'rigwatch user add NAME' makes one.")
