"""What the pages of administration share: who asks, the audit list, what a form says, and how it is answered."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from flask import Response, make_response, redirect, render_template, request

from rigwatch.clock import Clock, Millis
from rigwatch.errors import NotDone, RigwatchError, StoreError
from rigwatch.home import Home
from rigwatch.layers import LayeredSettings, ServerLayers
from rigwatch.settings import ServerSettings
from store import Store, page_settings
from store.acts import Actor
from store.transaction import Transaction
from web.access.login import actor
from web.admin.background import Background
from web.errors import BadQuery
from web.language.texts import N_
from web.language.texts import gettext as _
from web.zone import Zone

P = ParamSpec("P")
R = TypeVar("R")

PAGE: Final = 100
"""Rows on one page of a list."""
PAGES_MAX: Final = 100_000

_DONE: Final[Mapping[str, str]] = {
    "renamed": N_("It is called that now."),
    "tagged": N_("The tags are set."),
    "revoked": N_("Its key no longer works; its connection is closed within two seconds."),
    "retired": N_("It is retired: hidden from every page, its key useless, its alerts ended. Its history is kept."),
    "role": N_("The role is set."),
    "removed": N_("It is removed."),
    "ended": N_("It is ended."),
    "totp": N_("The second factor is reset."),
    "testing": N_("A test message is on its way. What came of it is shown here in a moment."),
    "saved": N_("It is saved, and counts within seconds."),
    "paused": N_("It is paused, and gets nothing until you let it go on."),
    "resumed": N_("It goes on with what happens from now on."),
}
"""What became of a form. Only these can be said by an address, so that nobody can put words into our mouth."""


class Wrong(RigwatchError):
    """A form says something that cannot be done; the text names the field and what would be right."""


@dataclass(frozen=True, slots=True)
class AdminContext:
    """What the pages of administration work with."""

    settings: ServerSettings
    store: Store
    clock: Clock
    home: Home
    zone: Zone
    layers: ServerLayers
    background: Background

    def layered(self) -> LayeredSettings:
        """What counts now, and where each value comes from. Raises `SettingsError` where the file is wrong."""
        with self.store.read() as tx:
            return page_settings.layered(tx, self.layers)

    def now(self) -> Millis:
        return self.clock.now()

    def act(self, do: Callable[Concatenate[Transaction, Actor, Millis, P], R], *args: P.args, **kwargs: P.kwargs) -> R:
        """What an act answers, in a transaction of its own."""
        with self.store.write() as tx:
            return do(tx, actor(), self.now(), *args, **kwargs)


def attempt(do: Callable[[], Response], otherwise: Callable[[str], str]) -> Response:
    """What `do` answers, or the page that says why not. A database that does not answer is left to the error table."""
    try:
        return do()
    except RigwatchError as exc:
        if isinstance(exc, StoreError) and not isinstance(exc, NotDone):
            raise
        return make_response(otherwise(str(exc)), 400)


def done(where: str, code: str) -> Response:
    """To a page that says so; a reload of it changes nothing."""
    return make_response(redirect(f"{where}{'&' if '?' in where else '?'}done={code}", 303))


def done_text() -> str:
    return _(_DONE.get(request.args.get("done", ""), ""))


def sure() -> bool:
    """Whether the form has been asked back already."""
    return request.form.get("sure") == "yes"


def ask_back(question: str, *, button: str, explained: str, back: str) -> Response:
    """A page that sends the same form again, with a yes to it."""
    fields = [(name, value) for name, value in request.form.items(multi=True) if name not in {"sure", "csrf_token"}]
    context: dict[str, Any] = {"question": question, "button": button, "explained": explained, "back": back}
    return make_response(render_template("admin_confirm.html", fields=fields, **context))


def show_secret(title: str, *, back: str, **context: object) -> Response:
    """The one page that shows a secret, once; the answer is never kept (`web/access/headers.py`)."""
    return make_response(render_template("admin_secret.html", title=title, back=back, **context))


def text(name: str, *, label: str, most: int, least: int = 1) -> str:
    """A field of one line, without the blanks around it; raises `Wrong`."""
    value = request.form.get(name, "").strip()
    if not least <= len(value) <= most:
        raise Wrong(_("%(label)s: should have %(least)s to %(most)s characters", label=label, least=least, most=most))
    if any(not letter.isprintable() for letter in value):
        raise Wrong(_("%(label)s: should be letters that can be seen, on one line", label=label))
    return value


def choice(name: str, among: Mapping[str, Any], *, label: str) -> Any:  # noqa: ANN401 - whatever there is to choose
    """One of what a list offers; raises `Wrong`."""
    value = request.form.get(name, "")
    if value not in among:
        raise Wrong(_("%(label)s: should be one of %(known)s", label=label, known=", ".join(among)))
    return among[value]


def tag_list(written: str) -> list[str]:
    """Tags with blanks or commas between them, each once."""
    return list(dict.fromkeys(filter(None, re.split(r"[\s,]+", written))))


def page_number() -> int:
    """Which page of a list the address asks for, from 1; raises `BadQuery`."""
    asked = request.args.get("page", "1")
    if not (asked.isascii() and asked.isdecimal()) or len(asked) > 6 or not 1 <= int(asked) <= PAGES_MAX:
        raise BadQuery(_("page: should be a number from 1 to %(most)s", most=PAGES_MAX))
    return int(asked)
