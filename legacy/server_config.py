"""`server-config.json` of the old server: which settings of ours it asks for, and what has no counterpart. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from legacy.loose_json import Value
from legacy.values import is_yes, number_of, text_of
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings.writing import Setting

PASSWORD_MIN = 12
"""Characters of a dashboard password that is taken over; the old tool was content with 4."""

MARKS = frozenset({"mport", "webport", "webusername", "webpassword", "keeplogshours", "usetelegrambot"})
"""Keys that only this file has."""


@dataclass(frozen=True, slots=True)
class WantedSetting:
    """A setting that the old file asks for. `shown` is what may be said of its value aloud."""

    setting: Setting
    shown: str


@dataclass(frozen=True, slots=True)
class LegacyUser:
    """Who could open the old page."""

    name: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What is in the file. `left` are lines for people about what is not taken over, and why."""

    wanted_settings: tuple[WantedSetting, ...]
    left: tuple[str, ...]
    person: LegacyUser | None
    passphrase: tuple[Setting, ...] = field(repr=False)
    uses_postgres: bool = False


def convert(old: Mapping[str, Value]) -> ServerConfig:
    """What cannot be taken over is said, and never stops the rest."""
    wanted_settings: list[WantedSetting] = []
    left: list[str] = []
    for part in (_port, _keep, _zone, _telegram):
        try:
            for each in part(old):
                if isinstance(each, WantedSetting):
                    wanted_settings.append(each)
                else:
                    left.append(each)
        except ValueError as exc:
            left.append(f"{exc}; not taken over")
    person = _person(old, left)
    if text_of(old, "MPort"):
        left.append("MPort: rigwatch does not speak the old wire format; its rigs run 'rigwatch publish' instead")
    passphrase = _passphrase(old, left)
    postgres = is_yes(old, "UsePostgres") or is_yes(old, "Postgres")
    return ServerConfig(tuple(wanted_settings), tuple(left), person, passphrase, postgres)


def _port(old: Mapping[str, Value]) -> Iterator[WantedSetting | str]:
    port = number_of(old, "WEBPORT")
    if port is None:
        return
    if not 1 <= port <= 65535:
        raise ValueError("WEBPORT is not a port (1 to 65535)")
    yield WantedSetting(Setting(("web",), "port", port), str(port))


def _keep(old: Mapping[str, Value]) -> Iterator[WantedSetting | str]:
    hours = number_of(old, "KeepLogsHours")
    if hours is None:
        return
    if not 1 <= hours <= 876_000:
        raise ValueError("KeepLogsHours is not from 1 to 876000")
    yield WantedSetting(Setting(("database",), "keep", f"{hours}h"), f"{hours}h")


def _zone(old: Mapping[str, Value]) -> Iterator[WantedSetting | str]:
    name = text_of(old, "TimeZoneLocation")
    if not name:
        return
    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        yield "TimeZoneLocation is not a time zone; times are shown in UTC, as the old tool did"
        name = "UTC"
    yield WantedSetting(Setting(("web",), "timezone", name), name)


def _telegram(old: Mapping[str, Value]) -> Iterator[WantedSetting | str]:
    key = text_of(old, "TelegramBotAPIKey").removeprefix("bot")
    if not is_yes(old, "UseTelegramBot"):
        if key:
            yield "TelegramBotAPIKey: UseTelegramBot is not YES"
        return
    chat = number_of(old, "TelegramChannelID")
    number, colon, secret = key.partition(":")
    # The letters of a token, so that it needs no quoting inside an address.
    if not (colon and number.isdecimal() and secret.isascii() and secret.replace("-", "").replace("_", "").isalnum()):
        raise ValueError("TelegramBotAPIKey is not bot, a number, a colon and letters")
    if not chat:
        raise ValueError("TelegramChannelID is missing")
    shown = f"Telegram, chat {chat}"
    yield WantedSetting(Setting(("alerts",), "channels", [f"tgram://{number}:{secret}/{chat}"], secret=True), shown)


def _person(old: Mapping[str, Value], left: list[str]) -> LegacyUser | None:
    name, password = text_of(old, "WEBUsername"), str(old.get("webpassword") or "")
    if not name or not password:
        return None
    if ":" in name or len(name) > 100 or not name.isprintable():
        left.append("WEBUsername: not a name that a browser can send; 'rigwatch user add NAME' makes another")
        return None
    if len(password) < PASSWORD_MIN:
        left.append(f"WEBPassword: shorter than {PASSWORD_MIN} characters; 'rigwatch user add {name}' makes a new user")
        return None
    return LegacyUser(name, password)


def _passphrase(old: Mapping[str, Value], left: list[str]) -> tuple[Setting, ...]:
    key = str(old.get("encryptionkey") or "")
    if not key:
        return ()
    if len(key) < PASSPHRASE_MIN:
        left.append(f"EncryptionKey: shorter than {PASSPHRASE_MIN} characters, so no passphrase")
        return ()
    section = ("security",)
    return (Setting(section, "enrollment", "open"), Setting(section, "passphrase", key, secret=True))
