"""Forms of what leads out of the machine: addresses, tokens. No error here repeats any of it, for it may be secret."""

import re
from urllib.parse import urlsplit

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*://\S", re.IGNORECASE)
_TOKEN = re.compile(r"\d{1,20}:[A-Za-z0-9_-]{1,100}", re.ASCII)
_CHAT_MAX = 2**53
NAME_MAX = 64


def check_url(url: str, key: str) -> None:
    """Raises `ValueError` for what is no http or https address."""
    _check_characters(url, key)
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and url.isascii()
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(f"{key} should look like https://monitor.example/path")


def check_channel(url: str, key: str) -> None:
    """Raises `ValueError` for what cannot be an Apprise address."""
    # Behind the ? stand texts, such as a sender's name, and Apprise takes them with spaces.
    _check_characters(url.partition("?")[0], key)
    if not url.isprintable():
        raise ValueError(f"{key} holds a control character; write it as %0A or leave it out")
    if not _SCHEME.match(url):
        raise ValueError(f"{key} is not an Apprise address such as 'ntfy://topic'")


def check_channel_name(name: str) -> None:
    """Raises `ValueError` for a name that logs, pages or the database could not hold."""
    if not name.isprintable() or not name.strip() or len(name) > NAME_MAX or name.startswith("telegram:"):
        raise ValueError(
            f"channel: a name has 1 to {NAME_MAX} characters that can be seen, and does not begin with 'telegram:'"
        )


def check_token(token: str, key: str) -> None:
    """Raises `ValueError` for what cannot be a Telegram bot's token."""
    if not _TOKEN.fullmatch(token):
        raise ValueError(f"{key} should look like 123456:ABC-def, whole and without spaces, as BotFather gives it")


def check_chat(chat: int) -> None:
    """Raises `ValueError` for what cannot be a Telegram chat's number."""
    if not 0 < abs(chat) < _CHAT_MAX:
        raise ValueError(f"chats: {chat} is no chat; a person's id is like 123456, a group's like -1001234567890")


def _check_characters(url: str, key: str) -> None:
    if not url.isprintable() or any(each.isspace() for each in url):
        raise ValueError(f"{key} holds a space or a control character; write a space as %20")
