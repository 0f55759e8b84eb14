"""The page's texts: found in the code, kept in `web/translations/*.po`, and compiled when the package is built.

`make texts` brings the catalogues up to date: what is new has no translation yet, what is gone goes.
"""

import sys
import tempfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

from setuptools import Command

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "web" / "translations"

_METHODS: Final = (
    ("web/**/*.py", "python"),
    ("web/templates/**.html", "jinja2.ext:babel_extract"),
    ("web/static/*.js", "javascript"),
)
_LEFT_OUT: Final = (b'"POT-', b'"PO-', b'"Report-', b'"Last-Translator', b'"Language-Team', b'"Generated-By')
_KEYWORDS: Final = {"_": None, "N_": None, "gettext": None, "ngettext": (1, 2)}


def catalogues() -> Iterator[Path]:
    """Each language's file."""
    yield from sorted(FOLDER.glob("*/LC_MESSAGES/messages.po"))


def found() -> "Catalog":
    """Every text there is in the code, without a translation."""
    from babel.messages.catalog import Catalog  # noqa: PLC0415 - there where it is needed, not where setup.py is only read
    from babel.messages.extract import extract_from_dir  # noqa: PLC0415 - as above

    made = Catalog(project="rigwatch", charset="utf-8")
    texts = extract_from_dir(
        ROOT,
        method_map=_METHODS,
        options_map={"web/templates/**.html": {"silent": "false", "trim_blocks": "true", "lstrip_blocks": "true"}},
        keywords=_KEYWORDS,
        directory_filter=lambda folder: Path(folder).name not in {"vendor", "__pycache__", "translations"}
        and ROOT in (path := Path(folder), *path.parents)
        and path.relative_to(ROOT).parts[:1] in {(), ("web",)},
    )
    for file, _line, text, _comments, _context in texts:
        made.add(text, locations=[(file, 0)])
    return made


def read(path: Path) -> "Catalog":
    from babel.messages.pofile import read_po  # noqa: PLC0415 - as above

    with path.open("rb") as file:
        return read_po(file, locale=path.parent.parent.name)


def update() -> None:
    """Writes each catalogue anew, in the order of the English texts, so that two people's texts seldom meet."""
    from babel.messages.pofile import write_po  # noqa: PLC0415 - as above

    texts = found()
    for path in catalogues():
        catalogue = read(path)
        catalogue.update(texts, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        out = BytesIO()
        write_po(out, catalogue, width=120, no_location=True, sort_output=True, ignore_obsolete=True)
        # Who and when is in the history of the file; here it would only make two people's changes meet.
        lines = out.getvalue().splitlines(keepends=True)
        path.write_bytes(b"".join(line for line in lines if not line.startswith(_LEFT_OUT)))


def compile_all() -> None:
    """Each `messages.mo` beside its `messages.po`, where it is older or not there."""
    from babel.messages.mofile import write_mo  # noqa: PLC0415 - as above

    for path in catalogues():
        made = path.with_suffix(".mo")
        if made.exists() and made.stat().st_mtime >= path.stat().st_mtime:
            continue
        out = BytesIO()
        write_mo(out, read(path))
        # Whole or not at all: a server may be reading it, and another compile.
        with tempfile.NamedTemporaryFile(dir=made.parent, delete=False) as fresh:
            fresh.write(out.getvalue())
        Path(fresh.name).chmod(0o644)
        Path(fresh.name).replace(made)


class BuildCatalogues(Command):
    """The build step; it runs before the packages are collected, so that they carry the catalogues as their own data."""

    description = "compile the translations of the dashboard"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        compile_all()


if __name__ == "__main__":
    if "--update" in sys.argv:
        update()
    compile_all()
