"""What scripts and style sheets say in the viewer's language: `/language/<code>/words.js` and `words.css`.

The texts of scripts are found in the scripts themselves. English needs neither file.
"""

import hashlib
import json
from functools import cache, partial
from pathlib import Path
from typing import Final

from babel.messages.extract import extract
from babel.support import Translations
from flask import Blueprint, Response, abort, current_app, request, url_for
from markupsafe import Markup

from web.assets import STATIC, YEAR_S
from web.language.choice import LANGUAGES, SOURCE, language
from web.language.texts import N_
from web.language.vocabulary import STATUSES

SPOKEN: Final = {
    "good": N_("good"),
    "fair": N_("fair"),
    "poor": N_("poor"),
    "bad": N_("bad"),
    "critical": N_("critical:"),
    "problem": N_("Problem:"),
    "note": N_("Note:"),
    "warning": N_("Warning:"),
    "done": N_("Done:"),
    "peers": N_("peers"),
    "cards": N_("cards"),
    "per-watt": N_("per W"),
    "now": N_("now"),
    "samples": N_("samples"),
    "average": N_("avg"),
}
"""What `static/rigwatch.css` says beside a sign or a figure, by the name of its variable, `--say-…`."""

_TYPES: Final = {"js": "text/javascript", "css": "text/css"}


def create() -> Blueprint:
    blueprint = Blueprint("language", __name__, url_prefix="/language")
    for kind in _TYPES:
        blueprint.add_url_rule(f"/<code>/words.{kind}", kind, partial(words, kind=kind))
    return blueprint


def words(code: str, kind: str) -> Response:
    if code not in LANGUAGES or code == SOURCE:
        abort(404)
    response = Response(_made(_folder(), code, kind), mimetype=_TYPES[kind])
    if request.args.get("v"):
        response.headers["Cache-Control"] = f"private, max-age={YEAR_S}, immutable"
    return response


def links() -> Markup:
    """What the head of a page needs to speak the viewer's language."""
    code = language()
    if code == SOURCE:
        return Markup()
    href = {kind: url_for(f"language.{kind}", code=code, v=_digest(_folder(), code, kind)) for kind in _TYPES}
    return Markup('<link rel="stylesheet" href="{css}">\n  <script src="{js}" defer></script>').format(**href)


def _folder() -> str:
    return str(Path(current_app.root_path, "translations"))


@cache
def _digest(folder: str, code: str, kind: str) -> str:
    return hashlib.sha256(_made(folder, code, kind).encode()).hexdigest()[:12]


@cache
def _made(folder: str, code: str, kind: str) -> str:
    known = Translations.load(folder, [code])
    if kind == "css":
        said = (f"--say-{name}: {_quoted(known.gettext(text))};" for name, text in SPOKEN.items())
        return f":root {{ {' '.join(said)} }}\n"
    texts = {text: known.gettext(text) for text in (*script_texts(), *STATUSES)}
    return f"globalThis.TEXTS = {_quoted(texts)};\n"


def _quoted(value: object) -> str:
    """As both JavaScript and CSS read a string without a line's end in it."""
    return json.dumps(value, ensure_ascii=False)


@cache
def script_texts() -> tuple[str, ...]:
    found: dict[str, None] = {}
    for path in sorted(STATIC.glob("*.js")):
        with path.open("rb") as script:
            found |= {str(text): None for _, text, _, _ in extract("javascript", script, {"gettext": None})}
    return tuple(found)
