"""The channels that the settings name: what each is called, and whether two of them lead to one place. Pure."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from rigwatch.errors import SettingsError
from rigwatch.settings.alerts import AlertSettings, ChannelSettings

TELEGRAM = "telegram"
"""What the keys of the bot's channels begin with, one channel a chat."""

_CHAT = re.compile(r"-?\d+", re.ASCII)


def named(settings: AlertSettings) -> dict[str, ChannelSettings]:
    """Every channel with an address by its key; those of the plain list get one."""
    plain = {key_of(url): ChannelSettings(url=url) for url in settings.channels}
    return {**plain, **settings.channel}


def key_of(url: str) -> str:
    """A name for an address that stays the same and gives nothing away: 'tgram-3f9a2c'."""
    return f"{scheme_of(url)}-{fingerprint(url)[:6]}"


def scheme_of(url: str) -> str:
    """Raises `SettingsError` for what is no address; never repeats it, for it holds a secret."""
    scheme = urlsplit(url).scheme
    if not scheme:
        raise SettingsError("alerts.channels: an entry is not an Apprise address such as 'ntfy://topic'")
    return scheme


def fingerprint(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def chat_key(chat: int) -> str:
    return f"{TELEGRAM}:{chat}"


def doubled(settings: AlertSettings) -> list[tuple[str, ...]]:
    """Keys of channels that lead to one place, so that people there get each message twice; paused ones count."""
    leading = defaultdict(list)
    for chat in dict.fromkeys(settings.telegram.chats if settings.telegram.token else ()):
        leading[f"{TELEGRAM}:{chat}"].append(chat_key(chat))
    for key, each in named(settings).items():
        for target in dict.fromkeys(_targets(each.url)):
            leading[target].append(key)
    return sorted({tuple(keys) for keys in leading.values() if len(keys) > 1})


def _targets(url: str) -> Iterator[str]:
    """Where it leads to: one text a place; of Telegram one a chat, whichever bot writes there."""
    parts = urlsplit(url)
    places = [unquote(each) for each in parts.path.split("/") if each]
    if parts.scheme.lower() == "tgram" and any(map(_CHAT.fullmatch, places)):
        yield from (f"{TELEGRAM}:{each}" for each in places if _CHAT.fullmatch(each))
    else:
        yield f"{parts.scheme.lower()}://{parts.netloc}{parts.path.rstrip('/')}"
