"""Where settings come from: defaults, then what was set in the page, then `server.toml`, then the environment.

What was set in the page is given from outside, as TOML has it: the store keeps it, and the ground knows no store.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeAlias

from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.home import Home
from rigwatch.master import master_key
from rigwatch.settings.alerts import ChannelSettings, Rules, RuleSettings, TelegramSettings
from rigwatch.settings.loader import ENV_PREFIX, FILE_SUFFIX, SettingPlace, build, overlay, read_toml
from rigwatch.settings.sealed import SettingsSeal
from rigwatch.settings.server import PUBLISHER_SECTIONS, ServerSettings, WebColours
from rigwatch.settings.toml_lines import KeyPath, leaves, toml_lines

PageValues: TypeAlias = Mapping[KeyPath, Any]
"""What was set in the page: the value of each setting as TOML has it, secrets opened."""

PAGE: Final = "the page"
_SINGLE: Final = frozenset({("web", "timezone"), ("database", "keep")})
# Where the bot's messages go to is the file's to say.
_TELEGRAM: Final = frozenset(TelegramSettings.__struct_fields__) - {"api"}


def is_settable(path: KeyPath) -> bool:
    """Whether the page may set it. Nothing else counts, whoever wrote it into the database."""
    match path:
        case ("alerts", "channel", _, key):
            return key in ChannelSettings.__struct_fields__
        case ("alerts", "telegram", key):
            return key in _TELEGRAM
        case ("alerts", "site" | "node", _, rule, key) | ("alerts", rule, key):
            return rule in Rules.__struct_fields__ and key in RuleSettings.__struct_fields__
        case ("web", "colours", key):
            return key in WebColours.__struct_fields__
    return path in _SINGLE


def is_secret(path: KeyPath) -> bool:
    return (path[:2] == ("alerts", "channel") and path[3:] == ("url",)) or path == ("alerts", "telegram", "token")


@dataclass(frozen=True, slots=True)
class SettingOrigin:
    """Where a value comes from: `kind` is `default`, `page`, `file` or `environment`; `where` names it for people."""

    kind: str = "default"
    where: str = "default"

    @property
    def is_fixed(self) -> bool:
        """Whether the page cannot change it."""
        return self.kind in ("file", "environment")


DEFAULT: Final = SettingOrigin()


@dataclass(frozen=True, slots=True)
class LayeredSettings:
    """What counts, where each value that is set comes from, and what of the page had to be left out."""

    settings: ServerSettings
    origins: Mapping[KeyPath, SettingOrigin] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def origin(self, path: KeyPath) -> SettingOrigin:
        """Of one value, or of the table or the list that it stands in."""
        return next(
            (self.origins[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.origins), DEFAULT
        )

    def fixed(self, prefix: KeyPath) -> list[tuple[KeyPath, SettingOrigin]]:
        """What below `prefix` the page cannot change."""
        return [(path, each) for path, each in self.origins.items() if path[: len(prefix)] == prefix and each.is_fixed]


@dataclass(frozen=True)
class ServerLayers:
    """`server.toml` and the environment, over which nothing lies and under which the page does."""

    home: Home
    environ: Mapping[str, str] = field(repr=False)

    def load(self, page: PageValues | None = None) -> LayeredSettings:
        """Raises `SettingsError` for a file or an environment that is wrong. What of the page does not go together
        with them is left out, a table at a time, and named."""
        text, raw = self._read()
        page = page or {}
        accepted = {path: value for path, value in page.items() if is_settable(path)}
        problems = [f"{'.'.join(path)}: cannot be set in {PAGE}" for path in page if path not in accepted]
        try:
            settings = self._build(raw, accepted)
        except SettingsError:
            self._build(raw, {})
            accepted, more = self._sorted_out(raw, accepted)
            settings, problems = self._build(raw, accepted), problems + more
        return LayeredSettings(settings, self._origins(raw, toml_lines(text), accepted), tuple(problems))

    def check(self, page: PageValues) -> ServerSettings:
        """What would count with these; raises `SettingsError` where they are wrong by themselves or together."""
        return self._build(self._read()[1], page, place=PAGE)

    @property
    def seal(self) -> SettingsSeal | None:
        """For secrets in the store; None while this machine has no master key, or none that can be read."""
        try:
            return self._seal
        except RigwatchError:
            return None

    @cached_property
    def _seal(self) -> SettingsSeal:
        return SettingsSeal(master_key(self.home, self.load().settings).settings_key())

    def _read(self) -> tuple[str, dict[str, Any]]:
        path = self.home.server_toml
        if not path.exists():
            return "", {}
        raw = read_toml(path)
        try:
            # Only for the numbers of lines.
            return path.read_text("utf-8"), raw
        except (OSError, UnicodeDecodeError):
            return "", raw

    def _build(self, raw: dict[str, Any], page: PageValues, *, place: str = "") -> ServerSettings:
        merged = _laid_over(_document(page), raw)
        merged = overlay(ServerSettings, merged, self.environ, elsewhere=PUBLISHER_SECTIONS)
        return build(ServerSettings, merged, SettingPlace(place or str(self.home.server_toml)))

    def _sorted_out(self, raw: dict[str, Any], page: PageValues) -> tuple[dict[KeyPath, Any], list[str]]:
        accepted: dict[KeyPath, Any] = {}
        problems = []
        for table in sorted({table_of(path) for path in page}):
            tried = accepted | {path: value for path, value in page.items() if table_of(path) == table}
            try:
                self._build(raw, tried, place=PAGE)
                accepted = tried
            except SettingsError as exc:
                problems.append(f"{'.'.join(table)}: what was set in {PAGE} is left out: {exc}")
        return accepted, problems

    def _origins(
        self, raw: Mapping[str, Any], lines: Mapping[KeyPath, int], page: PageValues
    ) -> dict[KeyPath, SettingOrigin]:
        found = {path: SettingOrigin("page", PAGE) for path in page}
        for path in leaves(raw):
            line = next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 0)
            found[path] = SettingOrigin("file", f"{self.home.server_toml.name}, line {line}" if line else "server.toml")
        for variable in sorted(self.environ):
            if variable.startswith(ENV_PREFIX) and "__" in variable:
                path = tuple(variable.removeprefix(ENV_PREFIX).lower().split("__"))
                if path[0] not in PUBLISHER_SECTIONS:
                    found[_named(path)] = SettingOrigin("environment", variable)
        return found


def _named(path: KeyPath) -> KeyPath:
    """Of a variable that names a file with the secret: the secret's own."""
    suffix = FILE_SUFFIX.lower()
    return (*path[:-1], path[-1].removesuffix(suffix)) if path[-1].endswith(suffix) else path


def table_of(path: KeyPath) -> KeyPath:
    """What is left out together: a channel, the bot, a rule at one place, the colours."""
    return path if path in _SINGLE else path[:-1]


def _document(page: PageValues) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for path, value in page.items():
        table = document
        for key in path[:-1]:
            table = table.setdefault(key, {})
        table[path[-1]] = copy.deepcopy(value)
    return document


def _laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Tables are put together, of anything else `above` counts."""
    merged = dict(below)
    for key, value in above.items():
        mine = merged.get(key)
        merged[key] = _laid_over(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return merged
