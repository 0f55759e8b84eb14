"""Whether two processes run with the same settings, told without the settings: one keyed hash a section."""

import hmac
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from rigwatch.settings.loader import Secret
from rigwatch.settings.server import ServerSettings

FINGERPRINTS: Final = "settings"
"""The name under which the installation's key for them is derived."""

LIVE: Final = frozenset({"alerts"})
"""Sections of `server.toml` that running parts take over within seconds, whole. Of the others `with_live` says what is;
the rest counts after a restart."""


def with_live(settings: ServerSettings, wanted: ServerSettings) -> ServerSettings:
    """`settings`, with what running parts take over of `wanted`."""
    web = replace(settings.web, timezone=wanted.web.timezone, colours=wanted.web.colours)
    database = replace(settings.database, keep=wanted.database.keep)
    return replace(settings, alerts=wanted.alerts, web=web, database=database)


def fingerprints(settings: ServerSettings, key: str) -> Mapping[str, str]:
    """By section. With the installation's `key`, so that nothing can be guessed from them, be it a weak password."""
    return {name: _fingerprint(getattr(settings, name), key) for name in settings.__struct_fields__}


def differing(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """Sections that are not the same in both, by name."""
    return sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))


def _fingerprint(section: msgspec.Struct, key: str) -> str:
    told = msgspec.json.encode(section, enc_hook=_plain, order="deterministic")
    return hmac.new(key.encode(), told, sha256).hexdigest()[:16]


def _plain(value: Any) -> str:  # noqa: ANN401 - what msgspec does not know
    assert isinstance(value, Secret)
    return value.encode().decode()
