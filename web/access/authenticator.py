"""Checks names with passwords, and tokens. How often one may guess, and what is noted of it, is decided here too."""

import logging
import threading
from collections.abc import Mapping
from typing import Final

from flask import g, request
from werkzeug.exceptions import ClientDisconnected, Forbidden, TooManyRequests

from alerts.facts import User
from rigwatch.clock import Clock
from rigwatch.errors import StoreError
from store import Store, acts, tokens, users
from store.acts import Actor, Way
from web.access.guesses import Guesses, source_of
from web.access.passwords import Passwords
from web.access.room import Busy, Gone
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)

GONE: Final = "rigwatch.gone"
"""Under this name the server says in a request's state whether its connection is closed: a `threading.Event`."""

PASSWORD_MAX: Final = 1024
_NAME_MAX: Final = 200

TOO_MANY: Final = N_("Too many wrong passwords came from your address; wait a minute.")
_WANTS_CODE: Final = N_(
    "This user logs in with a code as well, so the password alone is not enough. "
    "Programs log in with an API token ('rigwatch token add')."
)


class Authenticator:
    """Checks the credentials of one request; right ones give the `User`."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._passwords = Passwords(clock)
        self._guesses = Guesses()

    def verify(self, name: str, password: str) -> User | None:
        """As `check`, of who sends it with every request; raises `Forbidden` where a code would be asked for too."""
        user = self.check(name, password)
        if user and user.has_totp:
            raise Forbidden(_(_WANTS_CODE))
        return user

    def check(self, name: str, password: str) -> User | None:
        """Raises `TooManyRequests` once an address has guessed too often; who was logged in before is let through."""
        # scrypt fills a short password up with zero bytes, so "secret" and "secret\0" would be one.
        if not name or len(name) > _NAME_MAX or len(password) > PASSWORD_MAX or "\0" in name + password:
            return None
        with self._store.read() as tx:
            user = users.get(tx, name)
        if user and self._passwords.remembers(name, password, user.password_hash):
            return user
        if user and self._passwords.recognises(name, password, user.password_hash):
            return user if self._passwords.confirm(name, password, user.password_hash) else None
        return user if self._is_right(name, password, user.password_hash if user else None) else None

    def _is_right(self, name: str, password: str, stored: str | None) -> bool:
        address = address_of_request()
        self._take(name)
        try:
            right = self._passwords.check(name, password, stored, source=source_of(address), is_gone=is_gone)
        except Busy:
            raise TooManyRequests(
                _("Many passwords wait to be checked; try again in a moment."), retry_after=3
            ) from None
        except Gone:
            # Nobody reads this.
            raise ClientDisconnected from None
        if right:
            self._guesses.was_right(address, name)
        else:
            self._guesses.was_wrong(address, name)
            self._note(name, is_known=stored is not None, why="wrong password")
        return right

    def verify_token(self, token: str) -> User | None:
        """As `verify`. Looking a token up costs next to nothing, so a right one is let through in any case."""
        now = self._clock.now()
        hashed = tokens.hash_of(token)
        found = None
        if hashed:
            with self._store.read() as tx:
                found = tokens.find(tx, hashed)
        if found is None or found.is_over(now) or found.kind is not tokens.TokenKind.API:
            self._take("")
            self._guesses.was_wrong(address_of_request(), "")
            return None
        g.by_token = True
        if found.wants_note(now):
            self._note_use(found, now)
        return found.as_user()

    def verify_link(self, token: str) -> tokens.ApiToken | None:
        """The link whose cookie says this; None for one that is over or unknown: the browser may still log in."""
        hashed, now = tokens.hash_of(token), self._clock.now()
        if not hashed:
            return None
        with self._store.read() as tx:
            found = tokens.find(tx, hashed)
        if found is None or found.is_over(now) or found.kind is tokens.TokenKind.API:
            return None
        if found.wants_note(now):
            self._note_use(found, now)
        return found

    def open_link(self, token: str) -> tokens.ApiToken | None:
        """As `verify_link`, for somebody who brings it in an address: wrong ones are guesses."""
        found = self.verify_link(token)
        if found is None:
            self._take("")
            self._guesses.was_wrong(address_of_request(), "")
        return found

    def take_code(self, name: str) -> None:
        """Before a code of a user whose password was right is looked at; raises `TooManyRequests`."""
        if not self._guesses.take_code(address_of_request(), name):
            raise TooManyRequests(_("Too many wrong codes; wait, or ask an admin to reset it."), retry_after=60)

    def code_was(self, name: str, *, right: bool) -> None:
        if right:
            self._guesses.was_right(address_of_request(), name)
            self._guesses.code_was_right(name)
        else:
            self._guesses.was_wrong(address_of_request(), name)
            self._note(name, is_known=True, why="wrong code")

    def _note_use(self, found: tokens.ApiToken, now: int) -> None:
        try:
            with self._store.write() as tx:
                tokens.note_use(tx, found.number, now)
        except StoreError as exc:
            # It is only for whoever looks at the list; the request itself may not need to write anything.
            log.warning("use of a token not noted token=%s why=%s", found.name, exc)

    def _note(self, name: str, *, is_known: bool, why: str) -> None:
        """What somebody typed who is unknown may be a password: it is written nowhere."""
        account, address = name if is_known else "", address_of_request()
        if not self._guesses.is_worth_noting(address, account):
            return
        try:
            with self._store.write() as tx:
                actor = Actor(source_of(address), Way.PAGE)
                acts.logins.refuse(tx, actor, self._clock.now(), account, why=why)
        except StoreError as exc:
            # The answer is the same; it stands in the log at least.
            log.warning("refused login not noted why=%s", exc)

    def _take(self, account: str) -> None:
        if not self._guesses.take(address_of_request(), account):
            raise TooManyRequests(_(TOO_MANY), retry_after=60)


def is_gone() -> bool:
    """Whether the connection that asks is closed by now, where the server tells (`web/timeouts.py`)."""
    state: Mapping[str, object] = request.environ.get("asgi.scope", {}).get("state", {})
    gone = state.get(GONE)
    return isinstance(gone, threading.Event) and gone.is_set()


def address_of_request() -> str:
    return request.remote_addr or ""
