"""What the pages about logging in share: what checks a password, what makes a session, who acts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, TypeVar

from flask import Response, make_response, redirect, request

from alerts.facts import User
from rigwatch.clock import Clock, Millis
from store import Store
from store.acts import Actor, Way
from store.transaction import Transaction
from web.access.authenticator import Authenticator
from web.access.sessions import BrowserLogins

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class LoginContext:
    """What the pages work with."""

    store: Store
    clock: Clock
    passwords: Authenticator
    browsers: BrowserLogins

    def act(
        self, user: User, do: Callable[Concatenate[Transaction, Actor, Millis, P], R], *args: P.args, **kwargs: P.kwargs
    ) -> R:
        """What an act of that user answers, in a transaction of its own."""
        with self.store.write() as tx:
            return do(tx, Actor(user.name, Way.PAGE), self.clock.now(), *args, **kwargs)


def lead_to(path: str) -> Response:
    """To a path of ours, below the prefix that a proxy may add."""
    return make_response(redirect(request.script_root + (path or "/"), 303))
