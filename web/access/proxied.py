"""Whoever a trusted proxy has let in: a user of the store, or one that is made of the name. The proxy checks who."""

from typing import Final

from flask import request
from werkzeug.exceptions import Forbidden

from alerts.facts import User, UserRole
from rigwatch.clock import Clock
from rigwatch.errors import NotDone
from store import Store, acts, users
from store.acts import ActError, Actor, Way
from web.access.passwords import unusable_hash
from web.access.proxy import sso_user
from web.language.texts import N_
from web.language.texts import gettext as _

_UNKNOWN: Final = N_("The proxy says that you are somebody whom this dashboard does not know. Ask an admin to add you.")


class Proxied:
    """Finds who asks; `creates`: makes a viewer of who is not known."""

    def __init__(self, store: Store, clock: Clock, *, creates: bool) -> None:
        self._store = store
        self._clock = clock
        self._creates = creates

    def find(self) -> User | None:
        """None where no proxy says anybody; raises `Forbidden` for a name that is not, or cannot be, a user's."""
        name = sso_user(request.environ)
        if not name:
            return None
        if "," in name:
            # Perhaps two headers, of which the client wrote one.
            raise Forbidden(_(_UNKNOWN))
        with self._store.read() as tx:
            known = users.get(tx, name)
        if known is None and self._creates:
            known = self._made(name)
        if known is None:
            raise Forbidden(_(_UNKNOWN))
        return known

    def _made(self, name: str) -> User | None:
        made = User(name, UserRole.VIEWER, unusable_hash())
        try:
            with self._store.write() as tx:
                acts.users.add(tx, Actor(name, Way.PAGE), self._clock.now(), made, remark="from the proxy")
        except ActError:
            return None
        except NotDone:
            # Another request of the same page was quicker.
            with self._store.read() as tx:
                return users.get(tx, name)
        return made
