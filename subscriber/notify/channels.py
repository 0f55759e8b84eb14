"""The channels that the settings name, ready to send."""

from alerts.route import Route
from rigwatch.settings.alerts import AlertSettings, ChannelSettings, TelegramSettings
from rigwatch.settings.channels import TELEGRAM, chat_key, fingerprint, named
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import Channel, limit_of
from subscriber.notify.chats import Chats
from subscriber.notify.telegram import TelegramSender, bot_of

_TIMEOUT_S = 75.0


def channels_of(settings: AlertSettings, chats: Chats | None = None) -> list[Channel]:
    """Those that are not paused. Raises `SettingsError` for what is no address at all; what only Apprise can tell is
    told when it sends.

    `chats` is what is known, and learned on the way, of Telegram's groups that have moved.
    """
    found = [_channel(key, each) for key, each in named(settings).items() if not each.paused]
    return [*found, *_telegram(settings.telegram, chats or Chats())]


def _channel(key: str, wanted: ChannelSettings) -> Channel:
    rate, per = limit_of(wanted.url, wanted)
    route = Route(key, frozenset(wanted.severities), frozenset(wanted.sites))
    sender = AppriseSender(wanted.url, key)
    return Channel(key, sender, route, fingerprint(wanted.url), rate, per, wanted.timeout.total_seconds())


def _telegram(bot: TelegramSettings, chats: Chats) -> list[Channel]:
    """One a chat: whoever has blocked the bot keeps nobody else from being told."""
    if not bot.token:
        return []
    made = []
    for number, chat in enumerate(dict.fromkeys(bot.chats)):
        if chat in bot.paused:
            continue
        key = chat_key(chat)
        made.append(
            Channel(
                key,
                TelegramSender(bot_of(bot), chat, chats),
                Route(key, frozenset(bot.severities), frozenset(bot.sites)),
                fingerprint(f"{bot.api}/{bot.token}/{chat}"),
                # 20 a minute to a group.
                *(20, 60.0, _TIMEOUT_S),
                former="" if number else TELEGRAM,
            )
        )
    return made
