"""The channels that the settings name, ready to send."""

from rigwatch.settings.alerts import AlertSettings, ChannelSettings
from subscriber.alerts.route import Route
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import Channel, fingerprint, limit_of, named
from subscriber.notify.telegram import TELEGRAM, TelegramSender, bot_of


def channels_of(settings: AlertSettings) -> list[Channel]:
    """Raises `SettingsError` for what is no address at all; what only Apprise can tell is told when it sends."""
    found = [_channel(key, each) for key, each in named(settings).items()]
    return [*found, _telegram(settings)] if settings.telegram.token else found


def _channel(key: str, wanted: ChannelSettings) -> Channel:
    rate, per = limit_of(wanted.url, wanted)
    route = Route(key, frozenset(wanted.severities), frozenset(wanted.sites))
    sender = AppriseSender(wanted.url, key)
    return Channel(key, sender, route, fingerprint(wanted.url), rate, per, wanted.timeout.total_seconds())


def _telegram(settings: AlertSettings) -> Channel:
    bot = settings.telegram
    route = Route(TELEGRAM, frozenset(bot.severities), frozenset(bot.sites))
    # 20 a minute to a group, and each message goes to every chat.
    sender = TelegramSender(bot_of(bot), bot.chats)
    return Channel(TELEGRAM, sender, route, fingerprint(bot.token), 20, 60.0, 20.0)
