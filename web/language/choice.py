"""Which language a page speaks: what the viewer has chosen, else what the browser asks for, else English."""

from typing import Final

from babel.support import NullTranslations, Translations
from flask import Flask, g, has_request_context, request
from flask_babel import Babel, get_translations

COOKIE: Final = "rigwatch_language"
LANGUAGES: Final = {"en": "English", "de": "Deutsch", "es": "Español"}
"""Each in its own words. English is what the texts are written in; of the others `translations/` has a catalogue."""

SOURCE: Final = "en"
# What programs read is of one language, whatever their library says that it accepts.
_PROGRAMS: Final = frozenset({"api", "agent", "health", "metrics", "series"})

Catalogue = Translations | NullTranslations


def language() -> str:
    """Of the request at hand; English where there is none."""
    if not has_request_context():
        return SOURCE
    found: str | None = g.get("language")
    if found is None:
        found = g.language = _find()
    return found


def viewer() -> str:
    """What makes two viewers of the same thing see different texts: those of one kind share what is kept."""
    return language()


def catalogue() -> Catalogue | None:
    """The translations for the request at hand; None where it speaks English."""
    if not has_request_context():
        return None
    if "catalogue" not in g:
        g.catalogue = None if language() == SOURCE else get_translations()
    found: Catalogue | None = g.catalogue
    return found


def register(app: Flask) -> None:
    Babel(app, locale_selector=language, default_locale=SOURCE)


def _find() -> str:
    if request.blueprint in _PROGRAMS:
        return SOURCE
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, SOURCE) or SOURCE
