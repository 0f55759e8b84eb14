"""The application's own list of routes as requests to try: a new route is in it by existing."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Flask
from werkzeug.routing import IntegerConverter, PathConverter, Rule, UnicodeConverter

from web.access.login import SAFE
from web.access.reach import PUBLIC

SITE, NODE = "main", "rig1"
_WORDS = {"site": SITE, "node": NODE, "code": "de", "kind": "mail", "rule": "hot", "number": "x"}
_SAMPLES: dict[type, str | int] = {IntegerConverter: 1, PathConverter: "rigwatch.css"}


@dataclass(frozen=True, slots=True)
class Try:
    """One method of one route, with an address that fits it."""

    method: str
    path: str
    endpoint: str
    admin_only: bool

    @property
    def changes(self) -> bool:
        return self.method not in SAFE

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def every(app: Flask) -> list[Try]:
    """Every method of every route but the public ones."""
    return [each for rule in app.url_map.iter_rules() if rule.endpoint not in PUBLIC for each in _tries(app, rule)]


def _tries(app: Flask, rule: Rule) -> Iterator[Try]:
    values = {name: _sample(rule, name) for name in rule.arguments}
    built = rule.build(values)
    assert built, f"no address fits {rule.rule} with {values}"
    marked = getattr(app.view_functions[rule.endpoint], "rigwatch_admin_only", False)
    for method in sorted((rule.methods or set()) - {"OPTIONS"}):
        yield Try(method, built[1], rule.endpoint, marked)


def _sample(rule: Rule, name: str) -> str | int:
    """A value that the route takes, and that stands for something there is. Fails for what this does not know."""
    kind = type(rule._converters[name])
    if kind is UnicodeConverter:
        assert name in _WORDS, f"tests/integration/web/routes.py: give <{name}> of {rule.rule} a sample value"
        return _WORDS[name]
    assert kind in _SAMPLES, f"tests/integration/web/routes.py: give {kind.__name__} of {rule.rule} a sample value"
    return _SAMPLES[kind]
