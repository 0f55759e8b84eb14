"""Telegram both ways, against a local server that speaks the Bot API's requests."""

import pytest

from rigwatch.home import Home
from rigwatch.settings.alerts import AlertSettings, TelegramSettings
from rigwatch.settings.loader import Secret
from store import Store, alerts, audit, chats, outbox, silences
from store.outbox import StoredNotification
from subscriber.notify.channels import channels_of
from tests.bot_api import CHAT, TOKEN, BotApi, bot_api
from tests.integration.subscriber.notify.test_delivery import a_lost_node, configured
from tests.integration.subscriber.running import prepare, subscribing
from tests.mosquitto import Mosquitto
from tests.rigs import rig
from tests.stored import asked
from tests.waiting import eventually_async
from tests.webhook import Webhook


def telegram(api: BotApi, token: str = TOKEN, chats: tuple[int, ...] = (CHAT,)) -> TelegramSettings:
    return TelegramSettings(token=Secret(token), chats=chats, api=f"http://127.0.0.1:{api.port}")


async def test_a_message_has_buttons_and_they_work(home: Home, mosquitto: Mosquitto, local: Store) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(api.sent, what="the message")
            (message,) = api.sent()
            ack, silence = message["reply_markup"]["inline_keyboard"][0]
            api.press(ack["callback_data"])
            acknowledged = await eventually_async(lambda: asked(local, alerts.acknowledged), what="the ack is stored")
            api.press(silence["callback_data"])
            (muted,) = await eventually_async(
                lambda: asked(local, lambda tx: silences.running(tx, 0)), what="the silence is stored"
            )
    assert message["chat_id"] == CHAT
    assert message["text"].startswith("CRITICAL: garage/rig1 lost")
    assert "parse_mode" not in message
    assert [each.by for each in acknowledged.values()] == ["ann (Telegram)"]
    with local.read() as tx:
        entries = audit.page(tx, audit.AuditFilter(), 9)
    assert [(each.who, each.action) for each in entries] == [
        ("ann (Telegram)", "silence.add"), ("ann (Telegram)", "incident.acknowledge")
    ]  # fmt: skip
    assert all(f"from Telegram: user 4242, chat {CHAT}" in each.detail for each in entries)
    assert "garage/rig1 lost" in entries[1].detail
    assert (muted.matcher.site, muted.matcher.node, muted.matcher.rule) == ("garage", "rig1", "lost")


async def test_questions_are_answered_and_strangers_are_not(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(api.sent, what="the message")
            api.say("/status", chat=666)
            api.press("ack 1", chat=666)
            for question in ("/status", "/down@rigs_bot", "/node rig1", "/node nobody", "/what"):
                api.say(question)
            await eventually_async(lambda: len(api.sent()) == 6, what="five answers")
    answers = [each["text"] for each in api.sent()[1:]]
    assert {each["chat_id"] for each in api.sent()} == {CHAT}
    assert "1 lost" in answers[0]
    assert "garage/rig1 lost" in answers[1]
    assert "lost for" in answers[2]
    assert answers[3] == "no node is called nobody"
    assert "/down" in answers[4]


async def test_too_many_requests_are_waited_for_as_long_as_telegram_says(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        slow_down = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 1}}
        api.refusals.append((429, slow_down))
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: len(api.sent()) == 2, what="the second attempt")
    assert "second copy" not in api.sent()[1]["text"]


async def test_a_second_press_says_that_it_is_known_already(home: Home, mosquitto: Mosquitto, local: Store) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(api.sent, what="the message")
            ack, silence = api.sent()[0]["reply_markup"]["inline_keyboard"][0]
            for data in (
                *[ack["callback_data"]] * 2,
                *[silence["callback_data"]] * 2,
                "ack 999",
                "ack 9" + "9" * 30,
                "x",
            ):
                api.press(data)
            await eventually_async(lambda: len(api.toasts()) == 7, what="every press is answered")
    assert api.toasts() == [
        "acknowledged", "acknowledged already, by ann (Telegram)", "muted for 2 h", "muted already",
        "no such incident", "no such incident", "no such incident",
    ]  # fmt: skip
    with local.read() as tx:
        assert len(audit.page(tx, audit.AuditFilter(), 9)) == 2


async def test_one_who_has_blocked_the_bot_keeps_nobody_else_from_being_told(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        api.blocked.add(7)
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api, chats=(7, CHAT)))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            loud = "CRITICAL: rigwatch may not send through a channel: telegram:7"
            await eventually_async(
                lambda: any(text.startswith(loud) for text in api.texts(CHAT)), what="the other is told of both"
            )
    assert any(text.startswith("CRITICAL: garage/rig1 lost") for text in api.texts(CHAT))
    with local.read() as tx:
        assert list(outbox.refused(tx)) == ["telegram:7"]
        assert "bot was blocked by the user" in outbox.refused(tx)["telegram:7"][1]


async def test_a_group_that_became_a_supergroup_is_followed_and_remembered(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"))
    new = -1002
    with bot_api() as api:
        api.moved[CHAT] = new
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: api.texts(new), what="the message in the new group")
            api.say("/status", chat=new)
            await eventually_async(lambda: len(api.texts(new)) == 2, what="who asks there is answered")
            await eventually_async(lambda: asked(local, chats.moved) == {CHAT: new}, what="it is remembered")
        api.say("/status", chat=new)
        async with subscribing(home, wanted):
            await eventually_async(lambda: len(api.texts(new)) >= 3, what="also after a start")


async def test_a_message_longer_than_telegram_takes_arrives_shortened() -> None:
    with bot_api() as api:
        (channel,) = channels_of(AlertSettings(telegram=telegram(api)))
        body = "\n".join(f"garage/rig{number} lost 😀" for number in range(900))
        channel.sender.send(
            StoredNotification(1, channel.key, "first", "critical", "900 lost", body, (1,), 0), timeout=10
        )
    (text,) = api.texts(CHAT)
    assert text.startswith("900 lost\n\ngarage/rig0 lost")
    assert "more lines" in text.splitlines()[-1]


async def test_strangers_cannot_fill_the_log(
    home: Home, mosquitto: Mosquitto, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        for number in range(150):
            api.say("/status", chat=1000 + number)
            api.say("/status", chat=1000)
        api.say("/what")
        async with subscribing(home, configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))):
            await eventually_async(lambda: api.texts(CHAT), timeout=30, what="all have been read")
    told = [each for each in caplog.records if "not listed" in each.getMessage()]
    assert len(told) == 100
    assert "further ones are not told of" in told[-1].getMessage()
