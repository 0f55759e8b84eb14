import re
from collections import Counter
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from _build.catalogues import catalogues, found, read
from web.language.choice import LANGUAGES, SOURCE

TEXTS = found()
PATHS = list(catalogues())
_NAMED = re.compile(r"%\(\w+\)s|%%")
_TAG = re.compile(r"</?\w+[^>]*>|https?://\S+|ntfy://[\w-]+")


def test_each_language_that_can_be_chosen_has_a_catalogue() -> None:
    assert {path.parent.parent.name for path in PATHS} == LANGUAGES.keys() - {SOURCE}


@pytest.fixture(scope="module", params=PATHS, ids=lambda path: path.parent.parent.name)
def catalogue(request: pytest.FixtureRequest) -> Catalog:
    path: Path = request.param
    return read(path)


def test_every_text_in_the_code_is_translated(catalogue: Catalog) -> None:
    """`make texts` writes down what is new."""
    assert texts_of(TEXTS) - texts_of(catalogue) == set(), "not in the catalogue: run `make texts`"
    assert [str(each.id) for each in messages(catalogue) if not all(strings(each))] == [], "without a translation"
    assert [str(each.id) for each in messages(catalogue) if each.fuzzy] == [], "to be looked at, and then not fuzzy"


def test_no_translation_is_of_a_text_that_is_gone(catalogue: Catalog) -> None:
    assert texts_of(catalogue) - texts_of(TEXTS) == set(), "run `make texts`"
    assert list(catalogue.obsolete) == []


def test_a_translation_has_the_values_and_the_tags_of_its_text(catalogue: Catalog) -> None:
    wrong = []
    for each in messages(catalogue):
        wrong += [(of, said) for of, said in pairs(each) if parts(said) != parts(of)]
    assert wrong == []


def test_a_translation_ends_as_its_text_does(catalogue: Catalog) -> None:
    """A sentence stays a sentence, a label a label, and what is put together keeps its blanks."""
    wrong = []
    for each in messages(catalogue):
        wrong += [(of, said) for of, said in pairs(each) if ends(said) != ends(of)]
    assert wrong == []


def messages(catalogue: Catalog) -> list[Message]:
    return [each for each in catalogue if each.id]


def texts_of(catalogue: Catalog) -> set[object]:
    return {each.id if isinstance(each.id, str) else tuple(each.id) for each in messages(catalogue)}


def strings(message: Message) -> list[str]:
    return [message.string] if isinstance(message.string, str) else list(message.string or ())


def pairs(message: Message) -> list[tuple[str, str]]:
    """Each translation with its text; a language may have more forms than one and many."""
    ids = [message.id] if isinstance(message.id, str) else [*message.id]
    return [(ids[min(at, len(ids) - 1)], said) for at, said in enumerate(strings(message))]


def parts(text: str) -> tuple[Counter[str], Counter[str]]:
    return Counter(_NAMED.findall(text)), Counter(_TAG.findall(text))


def ends(text: str) -> tuple[bool, str]:
    last = text[-1]
    return text[0].isspace() or text[0] == ",", last if last in ":…?!,→" or last.isspace() else ""
