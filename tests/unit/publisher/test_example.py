"""config/publisher.example.toml names every setting, with its default, and is itself in order."""

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec import NODEFAULT, structs

from publisher.plan import plans_of
from publisher.sources.registry import KINDS
from rigwatch.home import Home
from rigwatch.settings.durations import parse_duration
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.settings.publisher import NodeSettings, OutboxSettings, PublisherSettings
from tests.fake_clock import FakeClock

EXAMPLE = Path(__file__).parents[3] / "config" / "publisher.example.toml"
TEXT = EXAMPLE.read_text("utf-8")
RAW: dict[str, Any] = tomllib.loads(TEXT)
_SOURCES = [source for node in RAW["nodes"] for source in node["sources"]]


def _read(value: object, default: object) -> object:
    return parse_duration(str(value)) if isinstance(default, timedelta) else value


def test_it_can_be_run_as_it_is(tmp_path: Path) -> None:
    settings = build(PublisherSettings, RAW, SettingPlace("publisher.toml"))
    first, second, third, fourth = plans_of(settings, Home(tmp_path), clock=FakeClock())
    assert (str(first.node), first.name, str(first.account.endpoint)) == (
        "main/rig07",
        "Rig 7",
        "mqtts://monitor.example:8883",
    )
    assert [label for label, _ in first.sources] == ["jsonrpc", "hashfile", "nvml", "host"]
    assert str(second.node) == "main/try-out"
    assert [str(third.node), str(fourth.node)] == ["main/rig08", "main/chain"]


def test_its_outbox_has_the_defaults() -> None:
    assert build(OutboxSettings, RAW["outbox"], SettingPlace("")) == OutboxSettings()
    assert set(RAW["outbox"]) == set(OutboxSettings.__struct_fields__)


@pytest.mark.parametrize("name", NodeSettings.__struct_fields__)
def test_it_has_every_setting_of_a_node(name: str) -> None:
    assert re.search(rf"^(# )?{name} = |^\[\[nodes\.{name}\]\]", TEXT, re.MULTILINE)


@pytest.mark.parametrize("name", ["interval", "keepalive"])
def test_it_gives_the_defaults_of_a_node(name: str) -> None:
    default = {field.name: field.default for field in structs.fields(NodeSettings)}[name]
    assert _read(RAW["nodes"][0][name], default) == default


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_every_kind_of_source_with_every_setting_and_its_default(kind: str) -> None:
    (raw,) = [source for source in _SOURCES if source["kind"] == kind]
    fields = structs.fields(KINDS[kind].settings)
    assert set(raw) - {"kind"} == {field.name for field in fields}
    for field in fields:
        if field.default is not NODEFAULT:
            assert _read(raw[field.name], field.default) == field.default
