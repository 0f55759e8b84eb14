"""Which language a page speaks: what the viewer has chosen, else what the browser asks for, else English."""

from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from typing import Final, NamedTuple

from babel import Locale
from babel.support import NullTranslations, Translations
from flask import Flask, request
from flask_babel import Babel, get_translations

COOKIE: Final = "rigwatch_language"
LANGUAGES: Final = {"en": "English", "de": "Deutsch", "es": "Español"}
"""Each in its own words. English is what the texts are written in; of the others `translations/` has a catalogue."""

SOURCE: Final = "en"
# What programs read is of one language, whatever their library says that it accepts.
_PROGRAMS: Final = frozenset({"api", "agent", "health", "metrics", "series"})


class Speech(NamedTuple):
    """How a language is spoken; `catalogue` and `signs`, of numbers, are None in English, which needs neither."""

    language: str
    catalogue: Translations | NullTranslations | None = None
    signs: Mapping[int, str] | None = None


_ENGLISH: Final = Speech(SOURCE)
_speech: ContextVar[Speech] = ContextVar("rigwatch_speech", default=_ENGLISH)


def speech() -> Speech:
    """Of the request at hand; English where there is none. A page of a thousand rows asks it ten thousand times."""
    return _speech.get()


def language() -> str:
    return _speech.get().language


def register(app: Flask) -> None:
    """Before whatever else may answer a request, so that it answers in the viewer's language."""
    Babel(app, locale_selector=_find, default_locale=SOURCE)
    app.before_request(_speak)
    app.teardown_request(_fall_silent)


def _speak() -> None:
    found = _find()
    _speech.set(_ENGLISH if found == SOURCE else Speech(found, get_translations(), _signs(found)))


def _fall_silent(_exc: BaseException | None) -> None:
    _speech.set(_ENGLISH)


def _find() -> str:
    if request.blueprint in _PROGRAMS:
        return SOURCE
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in LANGUAGES else request.accept_languages.best_match(LANGUAGES, SOURCE) or SOURCE


@cache
def _signs(spoken: str) -> Mapping[int, str]:
    """From those that Python writes."""
    signs = Locale.parse(spoken).number_symbols["latn"]
    return str.maketrans({",": signs["group"], ".": signs["decimal"]})
