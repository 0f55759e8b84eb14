"""Finds what a template says that no translator has seen: text between tags, in attributes that are read out or shown,
and strings that an expression prints."""

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

from jinja2 import Environment, nodes

_SHOWN = frozenset({"alt", "aria-description", "aria-label", "data-title", "label", "placeholder", "title"})
_QUOTED = frozenset({"code", "script", "style"})
"""Elements whose content is no words."""
_SAME = frozenset({"rigwatch", "·"})
"""The same in every language."""
_EXAMPLES = frozenset({"rig7", "main", "garage", "box1", "rig*", "chain:etc, garage"})
_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
_TRANSLATES = frozenset({"_", "gettext", "ngettext"})


def bare_texts(path: Path) -> list[str]:
    reader = _Reader()
    reader.feed("".join(_printed(_environment.parse(path.read_text()))))
    reader.close()
    return [text for text in reader.found if _is_bare(text)]


_environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)


def _is_bare(text: str) -> bool:
    words = " ".join(text.replace(_HOLE, " ").split())
    said = any(letter.isalpha() for letter in words)
    return said and words not in _EXAMPLES and not set(words.split()) <= _SAME


def _printed(node: nodes.Node) -> Iterator[str]:
    """What it prints, with a hole for what comes from elsewhere; each branch once."""
    if isinstance(node, nodes.Output):
        for printed in node.nodes:
            yield printed.data if isinstance(printed, nodes.TemplateData) else "".join(_of_expression(printed))
    else:
        for child in node.iter_child_nodes():
            if not isinstance(child, nodes.Expr):
                yield from _printed(child)
        # What a loop goes through is printed somewhere, mostly.
        if isinstance(node, nodes.For):
            yield from _looped(node.iter)


def _of_expression(node: nodes.Expr) -> Iterator[str]:
    if isinstance(node, nodes.Const):
        yield node.value if isinstance(node.value, str) else _HOLE
    elif isinstance(node, nodes.CondExpr):
        yield from _of_expression(node.expr1)
        yield _HOLE
        if node.expr2 is not None:
            yield from _of_expression(node.expr2)
    elif isinstance(node, nodes.Concat):
        for child in node.nodes:
            yield from _of_expression(child)
    elif isinstance(node, nodes.Or | nodes.And):
        yield from _of_expression(node.left)
        yield _HOLE
        yield from _of_expression(node.right)
    elif isinstance(node, nodes.Filter) and node.node is not None:
        yield from _of_expression(node.node)
    elif isinstance(node, nodes.Getitem) and isinstance(node.node, nodes.Dict):
        for pair in node.node.items:
            yield from _of_expression(pair.value)
    else:
        yield _HOLE


def _looped(node: nodes.Node) -> Iterator[str]:
    """Words with a capital or a blank, among what a loop lists; the others are names and classes."""
    if isinstance(node, nodes.Tuple | nodes.List):
        for item in node.items:
            yield from _looped(item)
    elif isinstance(node, nodes.Const) and isinstance(node.value, str) and (" " in node.value or node.value.istitle()):
        yield f"<i>{node.value}</i>"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _QUOTED:
            self._inside.append(tag)
        self.found += [value for name, value in attrs if name in _SHOWN and value]

    def handle_endtag(self, tag: str) -> None:
        if self._inside and self._inside[-1] == tag:
            self._inside.pop()

    def handle_data(self, data: str) -> None:
        if not self._inside:
            self.found.append(data)
