from pathlib import Path

import pytest

from tests.unit.web.language.bare import bare_texts

TEMPLATES = Path(__file__).parents[4] / "web" / "templates"


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.stem)
def test_every_text_of_a_template_can_be_translated(path: Path) -> None:
    assert bare_texts(path) == [], 'put it in {{ _("…") }}, then run `make texts`'


@pytest.mark.parametrize(
    "template",
    [
        "<p>Nobody knows</p>",
        '<input placeholder="Find a node">',
        '<p>{{ "one" if n == 1 else "several" }} {{ n }}</p>',
        "<p>{{ n }} {% if n %}nodes{% endif %}</p>",
        '<p title="{{ "Take this away" if n }}">{{ _("ok") }}</p>',
        '{% for value, words in (("day", "every day"),) %}<option value="{{ value }}">{{ words }}</option>{% endfor %}',
        "{% macro line(n) %}<b>of {{ n }}</b>{% endmacro %}",
        '<p>{{ name or "nothing" }}</p>',
        '<p>{{ {"open": "Open"}[part] }}</p>',
    ],
)
def test_it_finds_a_bare_text(tmp_path: Path, template: str) -> None:
    path = tmp_path / "made.html"
    path.write_text(template)
    assert bare_texts(path)


@pytest.mark.parametrize(
    "template",
    [
        '<p class="{{ "red" if n else "green" }}">{{ _("Nobody knows") }} {{ n }}</p>',
        "<p><code>rigwatch up</code> · {{ node.title }}</p>",
        '{# a remark #}<p>{{ ngettext("%(number)s node", "%(number)s nodes", n) }}</p>',
    ],
)
def test_what_is_translated_is_not_bare(tmp_path: Path, template: str) -> None:
    path = tmp_path / "made.html"
    path.write_text(template)
    assert bare_texts(path) == []
