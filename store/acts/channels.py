"""What people decide about the channels of the alerts. Addresses and tokens are secrets, and stand in no audit line."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from rigwatch.layers import ServerLayers
from rigwatch.settings.addresses import check_channel_name
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.channels import TELEGRAM, chat_key, named
from rigwatch.settings.toml_lines import KeyPath
from store import marks, page_settings
from store.acts.actor import ActError, Actor
from store.transaction import Transaction

_BOT: Final = ("alerts", "telegram")


def test(tx: Transaction, actor: Actor, now: Millis, begin: Callable[[], None], *, channel: str) -> None:
    """`begin` sends a test message through the channel, or through each where it is empty."""
    actor.note(tx, now, "channel.test", channel or "all channels")
    begin()


def add(
    tx: Transaction, actor: Actor, now: Millis, name: str, *, values: Mapping[str, Any], layers: ServerLayers
) -> None:
    """A channel with an address, `values` as in `[alerts.channel.NAME]`. `NotDone` when the name is taken, and
    `SettingsError` where something in it is wrong."""
    try:
        check_channel_name(name)
    except ValueError as exc:
        raise ActError(str(exc)) from None
    if name in named(_alerts(tx, layers)):
        raise NotDone(f"channel {name}: there is one of this name already; choose another")
    _set(tx, now, actor, _of(name, values), layers=layers)
    actor.note(tx, now, "channel.add", name, detail=_told(values))


def edit(
    tx: Transaction, actor: Actor, now: Millis, name: str, *, values: Mapping[str, Any], layers: ServerLayers
) -> None:
    """Of these values those that differ; None takes one away. `NotDone` when there is no such channel in the page."""
    _known(tx, ("alerts", "channel", name), name)
    before = _set(tx, now, actor, _of(name, values), layers=layers)
    changed = {key: value for key, value in values.items() if before.get(("alerts", "channel", name, key)) != value}
    if not changed:
        raise ActError("Nothing is different from what is set already.")
    actor.note(tx, now, "channel.edit", name, detail=_told(changed))


def add_chat(
    tx: Transaction, actor: Actor, now: Millis, chat: int, *, title: str, token: str, layers: ServerLayers
) -> None:
    """A chat of the bot that is set up, or, with a `token`, of this one. `NotDone` when it is listed already."""
    bot = _alerts(tx, layers).telegram
    if chat in bot.chats:
        raise NotDone(f"The chat {chat} is listed already.")
    changes: dict[KeyPath, Any] = {
        (*_BOT, "chats"): [*bot.chats, chat],
        (*_BOT, "names"): {**bot.names, str(chat): title},
    }
    if token:
        changes[*_BOT, "token"] = token
    _set(tx, now, actor, changes, layers=layers)
    actor.note(tx, now, "channel.add", chat_key(chat), detail=", ".join(filter(None, (title, token and "a new bot"))))


def edit_bot(tx: Transaction, actor: Actor, now: Millis, *, values: Mapping[str, Any], layers: ServerLayers) -> None:
    """Of `token`, `severities` and `sites` of the bot those that differ; None takes one away."""
    before = _set(tx, now, actor, {(*_BOT, key): value for key, value in values.items()}, layers=layers)
    changed = {key: value for key, value in values.items() if before.get((*_BOT, key)) != value}
    if not changed:
        raise ActError("Nothing is different from what is set already.")
    actor.note(tx, now, "channel.edit", TELEGRAM, detail=_told(changed))


def pause(tx: Transaction, actor: Actor, now: Millis, key: str, *, layers: ServerLayers) -> None:
    """It gets nothing until it goes on. `NotDone` when there is none, or it is paused already."""
    _set_paused(tx, now, actor, key, layers=layers, paused=True)
    actor.note(tx, now, "channel.pause", key)


def resume(tx: Transaction, actor: Actor, now: Millis, key: str, *, layers: ServerLayers) -> None:
    """It gets what is decided from now on. `NotDone` when there is none, or it is not paused."""
    _set_paused(tx, now, actor, key, layers=layers, paused=False)
    actor.note(tx, now, "channel.resume", key)


def remove(tx: Transaction, actor: Actor, now: Millis, key: str, *, layers: ServerLayers) -> None:
    """What waits for it is given up. With the last chat the token goes. `NotDone` when the page set none of it."""
    alerts = _alerts(tx, layers)
    chat = _chat(alerts, key)
    changes: dict[KeyPath, Any]
    if chat is None:
        changes = dict.fromkeys(_known(tx, ("alerts", "channel", key), key))
    elif set(alerts.telegram.chats) == {chat}:
        changes = dict.fromkeys(_known(tx, _BOT, key))
    else:
        bot = alerts.telegram
        changes = {(*_BOT, "chats"): [each for each in bot.chats if each != chat]}
        if str(chat) in bot.names:
            changes[*_BOT, "names"] = {each: name for each, name in bot.names.items() if each != str(chat)}
        if chat in bot.paused:
            changes[*_BOT, "paused"] = [each for each in bot.paused if each != chat]
    _set(tx, now, actor, changes, layers=layers)
    actor.note(tx, now, "channel.remove", key)


def _set_paused(tx: Transaction, now: Millis, actor: Actor, key: str, *, layers: ServerLayers, paused: bool) -> None:
    alerts = _alerts(tx, layers)
    chat = _chat(alerts, key)
    found = alerts.channel.get(key)
    if chat is None and found is None:
        raise NotDone(f"channel {key}: there is none of this name that can be paused")
    if (chat in alerts.telegram.paused if chat is not None else found is not None and found.paused) is paused:
        raise NotDone(f"channel {key}: is {'paused already' if paused else 'not paused'}")
    if chat is None:
        # A row that pauses a channel of the file would be left alone when the file forgets the channel.
        _known(tx, ("alerts", "channel", key), key)
        changes: dict[KeyPath, Any] = {("alerts", "channel", key, "paused"): True if paused else None}
    else:
        others = [each for each in alerts.telegram.paused if each != chat]
        changes = {(*_BOT, "paused"): [*others, chat] if paused else others}
    _set(tx, now, actor, changes, layers=layers)


def _alerts(tx: Transaction, layers: ServerLayers) -> AlertSettings:
    """As they count, for an act that changes them by what they are."""
    # First, so that of two at once on PostgreSQL one waits here, and then reads what the other has written.
    marks.settings_touched(tx)
    return page_settings.layered(tx, layers).settings.alerts


def _set(
    tx: Transaction, now: Millis, actor: Actor, changes: Mapping[KeyPath, Any], *, layers: ServerLayers
) -> Mapping[KeyPath, Any]:
    """What was stored before."""
    return page_settings.change(tx, changes, layers=layers, by=actor.who, now=now).stored


def _chat(alerts: AlertSettings, key: str) -> int | None:
    """The bot's chat of this key; None for a channel with an address."""
    return next((chat for chat in alerts.telegram.chats if chat_key(chat) == key), None)


def _known(tx: Transaction, table: KeyPath, key: str) -> list[KeyPath]:
    paths = page_settings.under(tx, table)
    if not paths:
        raise NotDone(f"channel {key}: the page has set none of this name; what server.toml names is changed there")
    return paths


def _of(name: str, values: Mapping[str, Any]) -> dict[KeyPath, Any]:
    return {("alerts", "channel", name, key): value for key, value in values.items()}


def _told(values: Mapping[str, Any]) -> str:
    """Severities and sites; of an address only that it is one."""
    told = []
    for key, value in values.items():
        if key in ("url", "token"):
            told.append("a new address" if key == "url" else "a new token")
        elif isinstance(value, list) or value is None:
            told.append(f"{key}: {', '.join(map(str, value or ())) or 'all'}")
        else:
            told.append(f"{key}: {value}")
    return "; ".join(told)
