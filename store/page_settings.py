"""The settings that were set in the page: one row each, secrets sealed, and what counts with them."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from rigwatch.clock import Millis
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.layers import LayeredSettings, ServerLayers, is_secret, is_settable, table_of
from rigwatch.settings.sealed import SettingsSeal
from rigwatch.settings.toml_lines import KeyPath
from store import marks
from store.texts import as_json
from store.transaction import Transaction

_EVERY = "SELECT path, value, sealed FROM setting ORDER BY path"
_PUT = """
INSERT INTO setting (path, value, sealed, changed_at, changed_by) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET value = excluded.value, sealed = excluded.sealed, changed_at = excluded.changed_at,
    changed_by = excluded.changed_by
"""
_REMOVE = "DELETE FROM setting WHERE path = ?"
_path = msgspec.json.Decoder(tuple[str, ...])
# No setting of the page nests deeper, and none is null: what does is refused before anything walks through it.
_plain = msgspec.json.Decoder(bool | int | float | str | list[int | str] | dict[str, str])

UNSEALED: Final = "cannot be opened: it was sealed under another master key; set it again"
UNREADABLE: Final = "is not written as a setting is in the database; set it again"


class StoredSetting(NamedTuple):
    """`value` is JSON of what TOML would say, or sealed."""

    path: str
    value: str
    sealed: bool


class SettingChange(NamedTuple):
    """What was stored before, with its secrets open; what counted with it, and what counts now."""

    stored: Mapping[KeyPath, Any]
    before: LayeredSettings
    after: LayeredSettings


def every(tx: Transaction) -> list[StoredSetting]:
    return tx.typed(StoredSetting, _EVERY)


def layered(tx: Transaction, layers: ServerLayers) -> LayeredSettings:
    """What counts, the page included. Raises `SettingsError` where `server.toml` or the environment is wrong."""
    return layered_of(every(tx), layers)


def layered_of(rows: Iterable[StoredSetting], layers: ServerLayers) -> LayeredSettings:
    """As `layered`, of rows that were read before: it reads the file, and asks no database."""
    values, problems = _opened(rows, layers)
    found = layers.load(values)
    return LayeredSettings(found.settings, found.origins, (*problems, *found.problems))


def tentative(tx: Transaction, changes: Mapping[KeyPath, Any], *, layers: ServerLayers) -> SettingChange:
    """What would count with these; nothing is written. Raises `SettingsError` as `change` does."""
    return _planned(tx, changes, layers)[0]


def change(
    tx: Transaction, changes: Mapping[KeyPath, Any], *, layers: ServerLayers, by: str, now: Millis
) -> SettingChange:
    """Sets values as TOML has them, and takes away those that are None; all or nothing.

    Raises `SettingsError` for what is wrong, or what `server.toml` or the environment sets, which counts more.
    """
    # First, so that of two at once on PostgreSQL one waits for the other here.
    marks.settings_touched(tx)
    planned, kept = _planned(tx, changes, layers, is_kept=True)
    for path, value in changes.items():
        if value is None:
            tx.run(_REMOVE, (as_json(path),))
        else:
            tx.run(_PUT, (as_json(path), *kept[path], now, by))
    return planned


def _planned(
    tx: Transaction, changes: Mapping[KeyPath, Any], layers: ServerLayers, *, is_kept: bool = False
) -> tuple[SettingChange, Mapping[KeyPath, tuple[str, bool]]]:
    """And each value as it is kept, where it is to be."""
    values, _ = _opened(every(tx), layers)
    before = layers.load(values)
    for path in changes:
        origin = before.origin(path)
        if not is_settable(path):
            raise SettingsError(f"{'.'.join(path)}: cannot be set in the page")
        if origin.is_fixed:
            raise SettingsError(f"{'.'.join(path)}: is set by {origin.where}, which counts more; change it there")
    # What is left out already is no reason to refuse something else; in the same table it is, for with it this would be
    # left out as well.
    tables = {table_of(path) for path in changes}
    sound = {path: value for path, value in values.items() if path in before.origins or table_of(path) in tables}
    wanted = {path: value for path, value in (sound | dict(changes)).items() if value is not None}
    layers.check(wanted)
    kept = {path: _kept(path, value, layers.seal) for path, value in changes.items() if is_kept and value is not None}
    return SettingChange(values, before, layers.load(wanted)), kept


def under(tx: Transaction, prefix: KeyPath) -> list[KeyPath]:
    """The paths below it that are set in the page."""
    paths = (_path.decode(each.path) for each in every(tx))
    return [path for path in paths if path[: len(prefix)] == prefix]


def _kept(path: KeyPath, value: object, seal: SettingsSeal | None) -> tuple[str, bool]:
    if not is_secret(path):
        return as_json(value), False
    if seal is None:
        raise RigwatchError("this machine has no master key (secret.key), without which no secret is stored")
    return seal.seal(path, str(value)), True


def _opened(rows: Iterable[StoredSetting], layers: ServerLayers) -> tuple[dict[KeyPath, Any], list[str]]:
    values: dict[KeyPath, Any] = {}
    problems = []
    for row in rows:
        try:
            path = _path.decode(row.path)
        except msgspec.MsgspecError:
            problems.append("a setting in the database has no name that can be read")
            continue
        try:
            values[path] = _value(path, row, layers.seal if is_secret(path) else None)
        except ValueError:
            problems.append(f"{'.'.join(path)}: {UNSEALED if is_secret(path) else UNREADABLE}")
    return values, problems


def _value(path: KeyPath, row: StoredSetting, seal: SettingsSeal | None) -> Any:  # noqa: ANN401 - a TOML value is anything
    """Raises `ValueError`. A secret that is not sealed was not written by us."""
    if not is_secret(path):
        return _plain.decode(row.value)
    if seal is None or not row.sealed:
        raise ValueError("not sealed")
    return seal.open(path, row.value)
