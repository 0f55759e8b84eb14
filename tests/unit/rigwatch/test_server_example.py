"""config/server.example.toml loads as it is, and names every setting with its default."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec
import pytest
from msgspec import Struct, structs

from alerts.policy import Policy
from alerts.rule import BUILT_IN, Rule
from rigwatch.home import Home
from rigwatch.settings import ServerSettings, load_server
from rigwatch.settings.alerts import Rules, RuleSettings
from rigwatch.settings.fingerprint import LIVE
from rigwatch.settings.loader import SettingPlace, build

EXAMPLE = Path(__file__).resolve().parents[3] / "config" / "server.example.toml"
TEXT = EXAMPLE.read_text(encoding="utf-8")
# A setting that is off has no space after its `#`; prose has one.
RAW: dict[str, Any] = tomllib.loads(re.sub(r"^#(?=[\w\[])", "", TEXT, flags=re.MULTILINE))
# Places where the example must show something that is not the default.
SHOWN = {"alerts.channel.mail.url", "alerts.channel.mail.severities", "alerts.channel.mail.sites"}


def fields_of(kind: type[Struct], raw: Any, path: str = "") -> Iterator[tuple[str, structs.FieldInfo, Any]]:  # noqa: ANN401 - as TOML has it
    """Every setting of `kind` with what the example says of it: a tomllib value, or `...` when nothing."""
    for field in structs.fields(kind):
        at, value = f"{path}{field.encode_name}", raw.get(field.encode_name, ...) if isinstance(raw, dict) else ...
        inner = get_args(field.type)[1] if get_origin(field.type) is dict else field.type
        if not (isinstance(inner, type) and issubclass(inner, Struct)):
            yield at, field, value
        elif get_origin(field.type) is not dict:
            yield from fields_of(inner, value, f"{at}.")
        elif inner is not Rules:
            assert isinstance(value, dict), f"{at}: no example"
            for name, table in value.items():
                yield from fields_of(inner, table, f"{at}.{name}.")


ALL = list(fields_of(ServerSettings, RAW))


def test_as_it_is_it_gives_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "server.toml").write_text(TEXT, encoding="utf-8")
    assert load_server(Home(tmp_path), {}) == ServerSettings()


def test_each_section_says_when_its_changes_count() -> None:
    operations = (EXAMPLE.parents[1] / "docs" / "operations.md").read_text("utf-8")
    for section in ServerSettings.__struct_fields__:
        before = TEXT.partition(f"\n[{section}]\n")[0].rpartition("\n\n")[2]
        live = section in LIVE
        assert ("within seconds" if live else "Changes count after a restart.") in before, section
        assert f"| `[{section}]` | {'within seconds' if live else 'after a restart'}" in operations


def test_with_everything_taken_in_it_is_still_in_order() -> None:
    settings = build(ServerSettings, RAW, SettingPlace(EXAMPLE.name))
    assert settings.alerts.site
    assert settings.alerts.node


@pytest.mark.parametrize("at", [at for at, _, _ in ALL])
def test_it_names_every_setting(at: str) -> None:
    (value,) = [value for path, _, value in ALL if path == at]
    assert value is not ..., f"document {at} in {EXAMPLE.name}"


@pytest.mark.parametrize(
    "at", [at for at, field, _ in ALL if at not in SHOWN and not field.required and field.default is not None]
)
def test_it_shows_the_default(at: str) -> None:
    full = build(ServerSettings, RAW, SettingPlace(EXAMPLE.name))
    (field,) = [field for path, field, _ in ALL if path == at]
    default = field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
    value: Any = full
    for name in at.split("."):
        value = value[name] if isinstance(value, dict) else getattr(value, name)
    assert value == default


@pytest.mark.parametrize("rule", Rule)
def test_it_shows_what_a_rule_starts_from(rule: Rule) -> None:
    shown = build(RuleSettings, RAW["alerts"][rule.value], SettingPlace(EXAMPLE.name))
    assert None not in structs.astuple(shown)
    settings = build(ServerSettings, {"alerts": {rule.value: RAW["alerts"][rule.value]}}, SettingPlace(EXAMPLE.name))
    assert Policy(settings.alerts).of_site("", rule) == BUILT_IN[rule]


def test_every_setting_is_explained_by_a_comment_in_its_own_paragraph() -> None:
    for paragraph in TEXT.split("\n\n"):
        assert paragraph.lstrip().startswith("# "), paragraph
