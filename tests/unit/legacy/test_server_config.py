import pytest

from legacy.loose_json import Value, decode
from legacy.server_config import ServerConfig, convert

# As its description shows it: tabs, and commas that are missing.
WRITTEN = b"""\xef\xbb\xbf{\r
\t"MPort": "3333"\r
\t"WEBPORT": "8090",\r
\t"EncryptionKey": "0123456789abcdef",\r
\t"WEBUsername": "walton"\r
\t"WEBPassword": "long enough 1",\r
\t"UseTelegramBot": "YES",\r
\t"TelegramBotAPIKey": "bot123456:ABC-d_f",\r
\t"TelegramChannelID": "-1001234",\r
\t"Debug": "NO",\r
\t"KeepLogsHours": 72\r
\t"Postgres": "YES",\r
\t"TimeZoneLocation": "Europe/Zurich",\r
}\r
"""


def read(**changed: Value) -> ServerConfig:
    return convert(decode(WRITTEN) | {key.lower(): value for key, value in changed.items()})


def settings(config: ServerConfig) -> dict[str, object]:
    return {wish.setting.name: wish.setting.value for wish in config.wanted_settings}


def test_each_setting_has_its_place() -> None:
    config = read()
    assert settings(config) == {
        "[web] port": 8090,
        "[database] keep": "72h",
        "[web] timezone": "Europe/Zurich",
        "[alerts] channels": ["tgram://123456:ABC-d_f/-1001234"],
    }
    assert config.person
    assert (config.person.name, config.person.password) == ("walton", "long enough 1")
    assert [each.name for each in config.passphrase] == ["[security] enrollment", "[security] passphrase"]
    assert config.uses_postgres
    assert [line.partition(":")[0] for line in config.left] == ["MPort"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"WEBPORT": "eighty"}, "WEBPORT is not a whole number"),
        ({"WEBPORT": 70000}, "WEBPORT is not a port"),
        ({"KeepLogsHours": 0}, "KeepLogsHours is not from 1"),
        ({"TelegramBotAPIKey": "ABC"}, "TelegramBotAPIKey is not bot, a number"),
        ({"TelegramBotAPIKey": "bot1:A/B"}, "TelegramBotAPIKey is not bot, a number"),
        ({"TelegramChannelID": None}, "TelegramChannelID is missing"),
        ({"TelegramChannelID": "@channel"}, "TelegramChannelID is not a whole number"),
        ({"UseTelegramBot": "NO"}, "UseTelegramBot is not YES"),
        ({"WEBPassword": "1234"}, "WEBPassword: shorter than 12"),
        ({"WEBUsername": "a:b"}, "WEBUsername: not a name"),
        ({"EncryptionKey": "short"}, "EncryptionKey: shorter than 16"),
    ],
)
def test_what_cannot_be_taken_over_is_said_and_stops_nothing(changed: dict[str, Value], words: str) -> None:
    config = read(**changed)
    assert any(words in line for line in config.left), config.left
    assert len(config.wanted_settings) >= 3
    for line in config.left:
        assert "ABC" not in line
        assert "1234" not in line


def test_a_wrong_time_zone_is_utc_and_said() -> None:
    config = read(TimeZoneLocation="Mars/Olympus")
    assert settings(config)["[web] timezone"] == "UTC"
    assert any("TimeZoneLocation is not a time zone" in line for line in config.left)


def test_no_secret_is_in_what_is_shown() -> None:
    config = read()
    for secret in ("ABC-d_f", "long enough 1", "0123456789abcdef"):
        assert secret not in repr(config)
        assert not any(secret in wish.shown for wish in config.wanted_settings)


def test_an_empty_file_asks_for_nothing() -> None:
    assert convert({}) == ServerConfig((), (), None, ())
