"""Every command that rigwatch has, taken from the application itself, so that a new one cannot be forgotten."""

from collections.abc import Iterator
from typing import Any

import typer

from cli import app
from tests.ports import free_ports

# What fits a required argument or option of this name; anything else is called "x".
_FITTING = {
    "--for": "2h",
    "--from": "2026-11-24 03:00",
    "--format": "csv",
    "--rigs": "2",
    "--role": "viewer",
    "node": "rig-7",
    "match": "site=main",
    "number": "1",
}
# What a command cannot do without, though each by itself may be left out.
_ONE_OF: dict[tuple[str, ...], tuple[str, ...]] = {("push",): ("--hashrate", "1"), ("enroll",): ("rig-7",)}
# These would publish, serve or simulate until somebody ends them, if they could.
STAYING = frozenset({"up", "serve", "broker", "subscribe", "web", "publish", "simulate", "watch"})


def free_addresses() -> dict[str, str]:
    """Settings, as the environment says them, that keep such commands off everybody else's ports."""
    mqtts, mqtt, web = free_ports(3)
    return {
        "RIGWATCH_BROKER__HOST": "127.0.0.1",
        "RIGWATCH_BROKER__PORT": str(mqtts),
        "RIGWATCH_BROKER__PLAIN_PORT": str(mqtt),
        "RIGWATCH_WEB__PORT": str(web),
    }


def every_command() -> list[tuple[str, ...]]:
    """Each with what it cannot do without, in order of its name: `("user", "add", "x")`."""
    return sorted(_walk(typer.main.get_command(app), ()))


def _walk(command: Any, words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:  # noqa: ANN401 - click's, under two names
    if hasattr(command, "commands"):
        for name, each in command.commands.items():
            yield from _walk(each, (*words, name))
        return
    required = (word for parameter in command.params if parameter.required for word in _given(parameter))
    yield (*words, *required, *_ONE_OF.get(words, ()))


def _given(parameter: Any) -> tuple[str, ...]:  # noqa: ANN401 - a library's, without types
    option = next((name for name in parameter.opts if name.startswith("--")), "")
    value = _FITTING.get(option or parameter.name, "x")
    return (option, value) if option else (value,)
