"""Default, page, server.toml, environment: which of them counts, and what is said of where a value comes from."""

from datetime import timedelta
from pathlib import Path

import pytest

from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.layers import LayeredSettings, PageValues, ServerLayers, SettingOrigin, is_secret, is_settable
from rigwatch.settings.loader import Secret
from rigwatch.settings.sealed import SettingsSeal

HOT = ("alerts", "hot", "threshold")
URL = ("alerts", "channel", "phone", "url")
TOKEN = ("alerts", "telegram", "token")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def load(home: Home, toml: str = "", page: PageValues | None = None, **environ: str) -> LayeredSettings:
    home.server_toml.write_text(toml, "utf-8")
    return ServerLayers(home, environ).load(page)


def test_the_nearest_of_default_page_file_and_environment_counts(home: Home) -> None:
    page: PageValues = {HOT: 91}
    file = "[alerts.hot]\nthreshold = 92\n"
    variable = {"RIGWATCH_ALERTS__HOT__THRESHOLD": "93"}
    found = [load(home), load(home, "", page), load(home, file, page), load(home, file, page, **variable)]
    assert [each.settings.alerts.hot.threshold for each in found] == [None, 91, 92, 93]
    assert [each.origin(HOT) for each in found] == [
        SettingOrigin("default", "default"),
        SettingOrigin("page", "the page"),
        SettingOrigin("file", "server.toml, line 2"),
        SettingOrigin("environment", "RIGWATCH_ALERTS__HOT__THRESHOLD"),
    ]
    assert [each.origin(HOT).is_fixed for each in found] == [False, False, True, True]


def test_of_one_table_each_key_comes_from_where_it_is_set(home: Home) -> None:
    # As 'rigwatch init' writes it: the head of a section sets nothing.
    found = load(home, "[database]\n[alerts]\nhot.clear = 70\n", {HOT: 91, ("database", "keep"): "7d"})
    assert (found.settings.alerts.hot.threshold, found.settings.alerts.hot.clear) == (91, 70)
    assert found.settings.database.keep == timedelta(days=7)
    assert found.origin(("database", "keep")).kind == "page"
    assert found.fixed(("alerts", "hot")) == [
        (("alerts", "hot", "clear"), SettingOrigin("file", "server.toml, line 3"))
    ]


def test_a_variable_that_names_a_file_is_the_secrets_origin(home: Home, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("123:abc\n", "utf-8")
    chats: PageValues = {("alerts", "telegram", "chats"): [5]}
    found = load(home, "", chats, RIGWATCH_ALERTS__TELEGRAM__TOKEN_FILE=str(tmp_path / "token"))
    assert found.settings.alerts.telegram.token == "123:abc"
    assert found.origin(TOKEN) == SettingOrigin("environment", "RIGWATCH_ALERTS__TELEGRAM__TOKEN_FILE")
    # The bot of the environment writes to the chats of the page.
    assert found.settings.alerts.telegram.chats == (5,)


def test_what_of_the_page_does_not_go_with_the_file_is_left_out_and_named_and_nothing_else_is(home: Home) -> None:
    page: PageValues = {("web", "colours", "peers_yellow"): 15, URL: "ntfy://my-topic", HOT: "hot"}
    found = load(home, "[web.colours]\npeers_green = 12\n", page)
    assert found.settings.web.colours.peers_yellow == 10
    assert found.settings.alerts.channel["phone"].url == "ntfy://my-topic"
    assert found.settings.alerts.hot.threshold is None
    assert [each.partition(":")[0] for each in found.problems] == ["alerts.hot", "web.colours"]
    assert "peers_green, peers_yellow and peers_orange should fall in this order" in found.problems[1]
    assert found.origin(HOT).kind == "default"


def test_a_file_that_is_wrong_is_an_error_whatever_the_page_says(home: Home) -> None:
    with pytest.raises(SettingsError, match=r"server\.toml: alerts: unknown key|alerts\.hott: unknown key"):
        load(home, "[alerts.hott]\n", {HOT: 91})


@pytest.mark.parametrize(
    "path",
    [
        ("broker", "url"),
        ("security", "passphrase"),
        ("database", "url"),
        ("web", "host"),
        ("alerts", "telegram", "api"),
        ("alerts", "channels"),
        ("alerts", "channel", "x", "y", "url"),
        ("alerts", "channel", "x", "secret"),
        ("alerts", "hott", "threshold"),
        ("alerts", "heartbeat", "url"),
        (),
    ],
)
def test_what_the_page_may_not_set_does_not_count_whoever_wrote_it_there(home: Home, path: tuple[str, ...]) -> None:
    assert not is_settable(path)
    found = load(home, "", {path: "mqtt://evil.example", HOT: 91})
    assert found.settings.alerts.hot.threshold == 91
    assert found.problems == (f"{'.'.join(path)}: cannot be set in the page",)


def test_the_secrets_are_those_that_the_settings_call_so() -> None:
    assert is_secret(URL)
    assert is_secret(TOKEN)
    assert not is_secret(("alerts", "channel", "url", "rate"))
    assert not is_secret(HOT)


def test_a_sealed_secret_opens_for_its_own_setting_and_key_alone() -> None:
    seal = SettingsSeal(MasterKey.random().settings_key())
    sealed = seal.seal(TOKEN, "123:abc")
    assert seal.open(TOKEN, sealed) == "123:abc"
    assert isinstance(seal.open(TOKEN, sealed), Secret)
    assert "123:abc" not in sealed
    assert seal.seal(TOKEN, "123:abc") != sealed
    for path, other, text in (
        (URL, seal, sealed),
        (TOKEN, SettingsSeal(MasterKey.random().settings_key()), sealed),
        (TOKEN, seal, sealed[:-4]),
        (TOKEN, seal, "?"),
        (TOKEN, seal, ""),
    ):
        with pytest.raises(ValueError, match=r"^not ") as caught:
            other.open(path, text)
        assert "123" not in str(caught.value)


def test_a_machine_without_the_master_key_has_no_seal(home: Home) -> None:
    home.server_toml.write_text("", "utf-8")
    layers = ServerLayers(home, {})
    found = [layers.seal]
    MasterKey.random().save(home.secret_key)
    home.server_toml.write_text("[alerts", "utf-8")
    found.append(layers.seal)
    assert found == [None, None]
    # A process that looked at a bad moment is not without its channels until it is started anew.
    home.server_toml.write_text("", "utf-8")
    assert layers.seal is not None
    assert layers.seal is layers.seal
