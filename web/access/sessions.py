"""Logins by a browser: the cookie that stands for a stored session, made anew at each login, never taken from outside.

The cookie is out of scripts' reach, sent along with nothing that another site asks but a link, and over TLS bound to
this very host (`__Host-`, RFC 6265bis, §4.1.3.2).
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Response, g, request

from alerts.facts import User
from rigwatch.clock import Clock, Millis, in_millis
from rigwatch.errors import StoreError
from rigwatch.settings.server import WebSettings
from rigwatch.texts import visible
from store import Store, login_sessions
from store.login_sessions import AGENT_MAX, LoginSession

log = logging.getLogger(__name__)

NAME: Final = "rigwatch_login"
LINK_COOKIE: Final = "rigwatch_link"
CODE_MS: Final[Millis] = 5 * 60_000
"""How long somebody whose password was right has for the code."""


@dataclass(frozen=True, slots=True)
class NewLogin:
    """A session to be stored, and what the cookie is to say: a secret."""

    session: LoginSession
    cookie: str


class BrowserLogins:
    """Finds the session of a request, and makes new ones."""

    def __init__(self, settings: WebSettings, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._idle = in_millis(settings.session_idle)
        self._longest = in_millis(settings.session_max)
        self.stay = in_millis(settings.stay)
        """0: nobody may stay logged in."""

    def find(self, *, wants_code: bool = False) -> tuple[LoginSession, User] | None:
        """Whose browser this is; with `wants_code` one whose user has still to give the code, else none of those."""
        hashed = login_sessions.hash_of(request.cookies.get(cookie_name(NAME), ""))
        if not hashed:
            return None
        with self._store.read() as tx:
            found = login_sessions.find(tx, hashed)
        if found is None or found[0].wants_code is not wants_code or self.is_over(found[0]):
            return None
        now = self._clock.now()
        if found[0].wants_note(now):
            self._note_seen(found[0], now)
        return found

    def is_over(self, session: LoginSession) -> bool:
        return session.is_over(self._clock.now(), self._idle)

    def make(self, user: User, *, stays: bool, wants_code: bool = False) -> NewLogin:
        """With an id of its own, whatever the browser had before."""
        now, cookie = self._clock.now(), login_sessions.make()
        stays = stays and self.stay > 0
        life = CODE_MS if wants_code else self.stay if stays else self._longest
        agent = visible(request.headers.get("User-Agent", ""))[:AGENT_MAX]
        session = LoginSession(
            hash=login_sessions.hash_of(cookie),
            account=user.name,
            created_at=now,
            seen_at=now,
            expires_at=now + life,
            stays=stays,
            wants_code=wants_code,
            agent=agent,
        )
        return NewLogin(session, cookie)

    def renewed(self, user: User, old: LoginSession) -> NewLogin:
        """Another id for the same browser, which has to log in again no later than before."""
        made = self.make(user, stays=old.stays)
        session = replace(made.session, created_at=old.created_at, expires_at=old.expires_at)
        return NewLogin(session, made.cookie)

    def give(self, response: Response, made: NewLogin) -> None:
        """The cookie; without "stay logged in" the browser forgets it at its end."""
        age = (made.session.expires_at - made.session.seen_at) // 1000 if made.session.stays else None
        response.set_cookie(cookie_name(NAME), made.cookie, max_age=age, **cookie_attributes())

    def _note_seen(self, session: LoginSession, now: Millis) -> None:
        try:
            with self._store.write() as tx:
                login_sessions.note_seen(tx, session.hash, now)
        except StoreError as exc:
            # It is only for the idle time and the list; the request itself may not need to write anything.
            log.warning("use of a login not noted why=%s", exc)


def take_cookie(response: Response) -> None:
    """From the browser; what is stored is ended by whoever calls this."""
    response.delete_cookie(cookie_name(NAME), **cookie_attributes())


def current_session() -> LoginSession | None:
    """None for who logs in with every request."""
    found: LoginSession | None = g.get("login_session")
    return found


def cookie_name(plain: str) -> str:
    """Over TLS with a prefix that browsers hold the cookie to."""
    return f"__Host-{plain}" if request.is_secure else plain


def cookie_attributes() -> Mapping[str, Any]:
    """`__Host-` wants the whole host, so without it the path is no narrower either."""
    return {"httponly": True, "samesite": "Lax", "secure": request.is_secure, "path": "/"}
