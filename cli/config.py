"""`config`: every setting with its value, and where that comes from."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer

from cli.invocation import app, invocation
from cli.output import say
from rigwatch.errors import SettingsError
from rigwatch.settings.alerts import RuleSettings
from rigwatch.settings.durations import format_duration
from rigwatch.settings.loader import Secret
from rigwatch.texts import visible

if TYPE_CHECKING:
    from rigwatch.layers import LayeredSettings
    from rigwatch.settings.toml_lines import KeyPath


@app.command()
def config(
    context: typer.Context,
    prefix: Annotated[str, typer.Argument(metavar="SETTING", help="Only what is below, such as 'alerts.hot'.")] = "",
    *,
    every: Annotated[bool, typer.Option("--all", help="Those that have their default as well.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a setting.")] = False,
) -> None:
    """List the settings that count and where each comes from: server.toml, environment, page or default.

    Secrets are not shown.
    """
    call = invocation(context)
    with call.store() as store:
        layered = call.layered(store)
    lines = list(_lines(layered, prefix, every=every or bool(prefix)))
    if prefix and not lines:
        raise SettingsError(f"{prefix}: there is no such setting; 'rigwatch config --all' lists them")
    if not lines:
        say("every setting has its default; 'rigwatch config --all' lists them", err=True)
    width = min(max((len(f"{name} = {value}") for name, value, _ in lines), default=0), 60)
    for name, value, where in lines:
        if as_json:
            say(json.dumps({"setting": name, "value": value, "from": where}))
        else:
            say(visible(f"{f'{name} = {value}':<{width}}  {where}"))
    for problem in layered.problems:
        say(f"rigwatch: {visible(problem)}", err=True)


def _lines(layered: "LayeredSettings", prefix: str, *, every: bool) -> Iterator[tuple[str, str, str]]:
    for path, value in _values(layered.settings, ()):
        name, origin = ".".join(path), layered.origin(path)
        if (every or origin.kind != "default") and f"{name}.".startswith(f"{prefix}." if prefix else ""):
            yield name, _shown(path, value), origin.where


def _values(table: msgspec.Struct, path: "KeyPath") -> Iterator[tuple["KeyPath", Any]]:
    """Of each setting; of tables with names of their own only what is in them."""
    for name in table.__struct_fields__:
        value = getattr(table, name)
        if isinstance(table, RuleSettings) and name == "clear" and value is None:
            # A threshold alone is meant without hysteresis (alerts/policy.py).
            value = table.threshold
        below = value.items() if isinstance(value, dict) else ((None, value),)
        for key, inner in below:
            at = (*path, name) if key is None else (*path, name, key)
            if isinstance(inner, msgspec.Struct):
                yield from _values(inner, at)
            elif not (isinstance(table, RuleSettings) and inner is None and len(at) > 3):
                yield at, inner


def _shown(path: "KeyPath", value: Any) -> str:  # noqa: ANN401 - a setting's value is anything
    if isinstance(value, Secret):
        return "(set)" if value else '""'
    if value is None:
        return _built_in(path)
    if isinstance(value, timedelta):
        return f'"{format_duration(value)}"'
    if isinstance(value, tuple):
        return f"[{', '.join(_shown(path, each) for each in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _built_in(path: "KeyPath") -> str:
    """What a rule starts from."""
    from alerts.rule import BUILT_IN, Rule

    value = getattr(BUILT_IN[Rule(path[-2])], path[-1])
    if path[-1] in ("hold", "clear_hold"):
        value = timedelta(milliseconds=value)
    elif path[-1] == "schedule":
        value = tuple(timedelta(milliseconds=each) for each in value)
    return _shown(path, value)
