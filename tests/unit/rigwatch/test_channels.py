"""What channels are called, and which of them lead to one place."""

import pytest

from rigwatch.settings.alerts import AlertSettings, ChannelSettings, TelegramSettings
from rigwatch.settings.channels import doubled, key_of, named
from rigwatch.settings.loader import Secret

BOT = TelegramSettings(token=Secret("1:abc"), chats=(5, 6))


def channels(**urls: str) -> dict[str, ChannelSettings]:
    return {name: ChannelSettings(url=Secret(url)) for name, url in urls.items()}


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        (AlertSettings(telegram=BOT, channel=channels(a="tgram://1:abc/7", b="ntfy://x")), []),
        (AlertSettings(telegram=BOT, channel=channels(a="tgram://1:abc/6/7")), [("telegram:6", "a")]),
        # Another bot, and the same people read it twice.
        (AlertSettings(telegram=BOT, channel=channels(a="tgram://bot9:xyz/5/?format=text")), [("telegram:5", "a")]),
        (AlertSettings(channel=channels(a="ntfy://x?priority=5", b="NTFY://x/", c="ntfy://y")), [("a", "b")]),
        (AlertSettings(channel=channels(a="mailto://u:p@h?to=x@y", b="tgram://1:abc/@all")), []),
        (AlertSettings(telegram=TelegramSettings(chats=(5,)), channel=channels(a="tgram://1:abc/5")), []),
    ],
)
def test_two_that_lead_to_one_place_are_found(settings: AlertSettings, found: list[tuple[str, str]]) -> None:
    assert doubled(settings) == found


def test_one_of_the_plain_list_has_a_name_that_gives_nothing_away() -> None:
    url = Secret("ntfy://secret-topic")
    assert list(named(AlertSettings(channels=(url,)))) == [key_of(url)]
    assert key_of(url).startswith("ntfy-")
    assert "secret" not in key_of(url)


@pytest.mark.parametrize(
    ("settings", "nobody"),
    [
        (AlertSettings(), True),
        (AlertSettings(channels=(Secret("ntfy://x"),)), False),
        (AlertSettings(channel={"a": ChannelSettings(url=Secret("ntfy://x"), paused=True)}), True),
        (AlertSettings(telegram=BOT), False),
        (AlertSettings(telegram=TelegramSettings(token=Secret("1:abc"), chats=(5,), paused=(5,))), True),
    ],
)
def test_who_has_paused_every_channel_reaches_nobody(settings: AlertSettings, *, nobody: bool) -> None:
    assert settings.reaches_nobody is nobody
