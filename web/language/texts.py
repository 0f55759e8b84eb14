"""Texts in the viewer's language. The English text is the key; what has no translation stays English.

`_` translates where a text is used; `N_` only marks one that stands in a table. A text that is kept for several viewers
is a `Phrase`, translated when it is written.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from jinja2 import Environment, pass_eval_context
from jinja2.nodes import EvalContext
from markupsafe import Markup, escape

from rigwatch.texts import visible_lines
from web.language.choice import language, speech


def gettext(text: str, **values: object) -> str:
    """The text in the viewer's language; `%(name)s` in it is one of the `values`, and without any `%` is itself."""
    found = speech().catalogue
    # The empty text is the catalogue's own head.
    said = found.gettext(text) if found is not None and text else text
    return said % values if values else said


def ngettext(one: str, many: str, number: int, **values: object) -> str:
    """As `gettext`, in the form for that number, which is `%(number)s` in the text."""
    found = speech().catalogue
    said = (one if number == 1 else many) if found is None else found.ngettext(one, many, number)
    return said % {"number": numeral(f"{number:,}"), **values}


def N_(text: str) -> str:  # noqa: N802 - gettext's own name for it
    """Marks a text for the catalogues where it is not used yet."""
    return text


class Phrase(NamedTuple):
    """A text with its values, in no language yet; `str` gives it in the viewer's. A value may be a phrase itself."""

    text: str
    values: tuple[tuple[str, object], ...] = ()

    @classmethod
    def of(cls, text: str, **values: object) -> "Phrase":
        return cls(text, tuple(values.items()))

    def __str__(self) -> str:
        return gettext(self.text, **dict(self.values))


def joined(phrases: Iterable[object]) -> str:
    """Those that are not empty, with commas between."""
    return ", ".join(text for each in phrases if (text := str(each)))


def numeral(text: str) -> str:
    """A number as Python writes it, with the viewer's signs for thousands and decimals."""
    signs = speech().signs
    return text if signs is None else text.translate(signs)


def shown(value: object) -> object:
    """What a template prints: words of rigs and people have nothing unseen in them. Markup is rendered already."""
    if isinstance(value, str):
        return value if isinstance(value, Markup) else visible_lines(value)
    return visible_lines(str(value)) if isinstance(value, Phrase) else value


@pass_eval_context
def _gettext(context: EvalContext, text: str, **values: object) -> str:
    """In a template: the text may hold tags, the values are escaped."""
    if not context.autoescape:
        return gettext(text, **values)
    return Markup(gettext(text, **_escaped(values)))  # noqa: S704 - a text of ours, values escaped


@pass_eval_context
def _ngettext(context: EvalContext, one: str, many: str, number: int, **values: object) -> str:
    if not context.autoescape:
        return ngettext(one, many, number, **values)
    return Markup(ngettext(one, many, number, **_escaped(values)))  # noqa: S704 - a text of ours, values escaped


def _escaped(values: Mapping[str, object]) -> dict[str, object]:
    return {name: escape(shown(value)) for name, value in values.items()}


_GLOBALS: Final = {
    "_": _gettext,
    "gettext": _gettext,
    "ngettext": _ngettext,
    "language": language,
    "numeral": numeral,
}


def register(environment: Environment) -> None:
    environment.globals.update(_GLOBALS)
    # Before any template is compiled: a page shows the words of rigs, miners and channels.
    environment.finalize = shown
    environment.filters["e"] = environment.filters["escape"] = lambda text: escape(shown(text))
