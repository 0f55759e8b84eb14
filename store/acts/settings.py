"""What people decide about settings in the page: rules, colours, the time zone, how long samples are kept."""

from collections.abc import Mapping
from typing import Any

from rigwatch.clock import Millis
from rigwatch.layers import ServerLayers, is_secret
from rigwatch.settings.toml_lines import KeyPath
from store import page_settings
from store.acts.actor import ActError, Actor
from store.transaction import Transaction


def change(tx: Transaction, actor: Actor, now: Millis, changes: Mapping[KeyPath, Any], *, layers: ServerLayers) -> None:
    """Values as TOML has them; None takes one away, so that the next wider place counts. Within seconds everywhere.

    Raises `SettingsError` for a wrong value, or one that `server.toml` or the environment sets; `ActError` for nothing
    to change.
    """
    done = page_settings.change(tx, changes, layers=layers, by=actor.who, now=now)
    stored = {path: value for path, value in done.stored.items() if path in changes}
    differing = {path: value for path, value in changes.items() if stored.get(path) != value}
    if not differing:
        raise ActError("Nothing is different from what is set already.")
    table = _common(list(differing))
    told = ", ".join(
        f"{'.'.join(path[len(table) :]) or path[-1]} {_said(path, stored.get(path))} → {_said(path, value)}"
        for path, value in differing.items()
    )
    actor.note(tx, now, "setting.set", ".".join(table) or "settings", detail=told)


def _common(paths: list[KeyPath]) -> KeyPath:
    """The table that they are in; of one its own path."""
    if len(paths) == 1:
        return paths[0]
    shared: list[str] = []
    for keys in zip(*paths, strict=False):
        if len(set(keys)) > 1:
            break
        shared.append(keys[0])
    return tuple(shared)


def _said(path: KeyPath, value: object) -> str:
    if value is None:
        return "not set"
    if is_secret(path):
        return "a secret"
    if isinstance(value, bool):
        return "on" if value else "off"
    return " ".join(map(str, value)) or "none" if isinstance(value, list) else str(value)
