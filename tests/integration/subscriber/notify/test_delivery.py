"""From a will to a message at a real web server, through the broker, the store and Apprise; and what failures do."""

import contextlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any

from alerts.incident import NotificationKind
from alerts.notification import Notification
from alerts.rule import Rule, Severity
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.process import run
from rigwatch.settings.alerts import AlertSettings, ChannelSettings, HeartbeatSettings
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import BrokerSettings, DatabaseSettings, ServerSettings
from store import Store, alerts, open_store, outbox, reader
from store.transaction import Row
from subscriber.notify.channels import channels_of
from subscriber.service import subscribe
from tests.alerting import every_incident, story
from tests.integration.subscriber.running import Node, prepare, subscribing
from tests.mail import mail_server
from tests.mosquitto import Mosquitto
from tests.rigs import birth, rig, will
from tests.stored import asked
from tests.waiting import eventually_async
from tests.webhook import Webhook, webhook


def configured(port: int, hook: Webhook, **more: object) -> ServerSettings:
    at_once = dict.fromkeys(("hold", "group_wait", "grace"), timedelta(0))
    wanted: dict[str, Any] = {"channels": (Secret(hook.url),), **at_once, **more}
    return ServerSettings(
        broker=BrokerSettings(port=0, plain_port=port),
        database=DatabaseSettings(url=Secret("sqlite:///rigwatch.db")),
        alerts=AlertSettings(**wanted),
    )


async def a_lost_node(port: int, name: str = "rig1") -> None:
    """As a crash does: the socket is gone, no goodbye was said."""
    (await Node.connect(rig(name, "garage"), port)).connection.abort()


def about_the_node(store: Store) -> int:
    """The number of the incident; until the broker answers there may be one about that before it. 0: not yet."""
    return next((each.id for each in every_incident(store) if each.rule is Rule.LOST), 0)


def progress(store: Store, incident: int) -> list[Row]:
    """What became of the messages about it."""
    sql = "SELECT channel, kind, state, created_at, sent_at, attempts, error FROM notification WHERE incident_id = ?"
    with store.read() as tx:
        return tx.rows(f"{sql} ORDER BY id", (incident,))


async def test_a_will_becomes_a_message_with_its_evidence(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook:
        async with subscribing(home, configured(mosquitto.port, hook)):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: hook.deliveries, what="the message arrives")
    assert hook.titles == ["CRITICAL: garage/rig1 lost"]
    assert "its connection broke" in hook.deliveries[0].body["message"]


async def test_a_node_with_markup_in_its_name_is_plain_text(home: Home, mosquitto: Mosquitto, local: Store) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook:
        async with subscribing(home, configured(mosquitto.port, hook)):
            await eventually_async(lambda: asked(local, reader.server).connected_at, what="it has a broker")
            node = await Node.connect(rig("rig1", "garage"), mosquitto.port)
            await node.say(birth(2, name="<b>&\nrig"))
            await node.say(will(2))
            await eventually_async(lambda: hook.deliveries, what="the message arrives")
            await node.connection.close()
    assert hook.titles == ["CRITICAL: garage/rig1 (<b>& rig) lost"]


async def test_the_incident_the_message_and_the_story_are_stored(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook:
        async with subscribing(home, configured(mosquitto.port, hook)):
            await a_lost_node(mosquitto.port)

            def told() -> list[str]:
                return story(local, about_the_node(local))

            await eventually_async(lambda: "sent" in told(), what="the message is marked as sent")
    assert told() == ["noticed", "firing", "told", "sent"]
    (row,) = progress(local, about_the_node(local))
    assert row[2] == "sent"


async def test_a_server_error_is_tried_again_until_it_works(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook:
        hook.status = 500
        async with subscribing(home, configured(mosquitto.port, hook)):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: hook.deliveries, what="the first attempt")
            hook.status = 200
            await eventually_async(lambda: len(hook.deliveries) == 2, what="the second attempt")
    assert len(set(hook.titles)) == 1


async def test_a_channel_that_hangs_delays_no_other(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"), rig("rig2", "garage"))
    with webhook() as slow, webhook() as good:
        slow.hold = threading.Event()
        channels = (Secret(slow.url + "?rto=1"), Secret(good.url))
        async with subscribing(home, configured(mosquitto.port, good, channels=channels)):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: slow.deliveries, what="one hangs")
            await a_lost_node(mosquitto.port, "rig2")
            await eventually_async(lambda: len(good.deliveries) == 2, timeout=0.9, what="the other has both")
            again = "CRITICAL: garage/rig1 lost (may be a second copy)"
            await eventually_async(lambda: again in slow.titles, what="it is tried again")
            slow.hold.set()
    assert [title.partition(":")[2].partition(":")[0] for title in slow.titles[:2]] == [
        " garage/rig1 lost",
        " garage/rig2 lost",
    ]


async def test_a_refused_token_stops_the_channel_and_is_told_through_the_others(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"), rig("rig2", "garage"))
    with webhook() as bad, webhook() as good:
        bad.status = 401
        more = {"bad": ChannelSettings(url=Secret(bad.url)), "good": ChannelSettings(url=Secret(good.url))}
        async with subscribing(home, configured(mosquitto.port, good, channels=(), channel=more)):
            await a_lost_node(mosquitto.port)
            loud = "CRITICAL: rigwatch may not send through a channel: bad"
            await eventually_async(lambda: loud in good.titles, what="the others are told")
            await a_lost_node(mosquitto.port, "rig2")
            await eventually_async(lambda: any("rig2" in each for each in good.titles), what="the good one goes on")
    assert len(bad.deliveries) == 1
    with local.read() as tx:
        assert outbox.refused(tx)["bad"][1]


async def test_messages_beyond_the_rate_are_put_into_one(home: Home, mosquitto: Mosquitto, local: Store) -> None:
    names = [f"rig{number}" for number in range(5)]
    prepare(home, *(rig(name, "garage") for name in names))
    with webhook() as hook:
        channel = {"web": ChannelSettings(url=Secret(hook.url), rate=1, per=timedelta(seconds=2))}
        async with subscribing(home, configured(mosquitto.port, hook, channels=(), channel=channel)):
            for count, name in enumerate(names, 1):
                await a_lost_node(mosquitto.port, name)
                await eventually_async(partial(are_lost, local, count), what="it is lost")
            await eventually_async(lambda: len(hook.deliveries) == 2, what="the digest")
    assert "4 messages: CRITICAL" in hook.titles[1]


def are_lost(store: Store, count: int) -> bool:
    # On a machine with too much to do there may be others, about the server itself.
    with store.read() as tx:
        return sum(each.rule is Rule.LOST for each in alerts.live(tx)) >= count


async def test_a_subscriber_that_was_killed_before_the_message_went_out_sends_it_after_its_start(
    home: Home, mosquitto: Mosquitto
) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook:
        hook.hold = threading.Event()
        with subscriber_with(home, mosquitto.port, hook.url) as process:
            local = open_store("sqlite:///rigwatch.db", home)
            await eventually_async(lambda: asked(local, reader.server).connected_at, what="it has a broker")
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: hook.deliveries, what="it is about to send")
            process.kill()
            process.wait()
        hook.hold.set()
        hook.hold = None
        with subscriber_with(home, mosquitto.port, hook.url):
            await eventually_async(lambda: len(hook.deliveries) >= 2, timeout=60, what="the message after the restart")
        local.close()
    assert hook.titles[1] == "CRITICAL: garage/rig1 lost (may be a second copy)"


async def test_a_mail_server_that_refuses_is_told_of_through_the_others_in_its_own_words(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"))
    said = "535 5.7.8 Username and Password not accepted"
    with mail_server({"AUTH": said}) as mail, webhook() as good:
        more = {
            "mail": ChannelSettings(url=Secret(mail.url("ann@y.example"))),
            "good": ChannelSettings(url=Secret(good.url)),
        }
        async with subscribing(home, configured(mosquitto.port, good, channels=(), channel=more)):
            await a_lost_node(mosquitto.port)
            loud = "CRITICAL: rigwatch may not send through a channel: mail"
            await eventually_async(lambda: loud in good.titles, what="the others are told")
    (message,) = [each.body["message"] for each in good.deliveries if each.title == loud]
    assert said in message
    with local.read() as tx:
        assert said in outbox.refused(tx)["mail"][1]


async def test_what_was_unsent_in_a_restored_copy_says_how_old_it_is_or_is_given_up(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"))
    now = SystemClock().now()
    with webhook() as hook:
        wanted = configured(mosquitto.port, hook)
        (channel,) = channels_of(wanted.alerts)
        for number, age in enumerate((49 * 3_600_000, 25 * 60_000, 0), 1):
            notification = Notification(
                channel.key, NotificationKind.FIRST, Severity.CRITICAL, f"message {number}", "body", (number,)
            )
            with local.write() as tx:
                outbox.add(tx, [notification], number, now - age)
        async with subscribing(home, wanted):
            await eventually_async(lambda: len(hook.deliveries) == 2, what="what is young enough")
            await eventually_async(lambda: progress(local, 1)[0][2] == "failed", what="the rest is marked")
    assert hook.titles == ["message 2 (may be a second copy) (written 25 min ago)", "message 3 (may be a second copy)"]


async def test_a_channel_that_takes_it_and_never_answers_gets_few_copies_and_holds_up_nothing(
    home: Home, mosquitto: Mosquitto, local: Store
) -> None:
    prepare(home, rig("rig1", "garage"), rig("rig2", "garage"))
    with webhook() as hook:
        hook.hold = threading.Event()
        slow = {"slow": ChannelSettings(url=Secret(hook.url), timeout=timedelta(seconds=1))}
        async with subscribing(home, configured(mosquitto.port, hook, channels=(), channel=slow)):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: len(hook.deliveries) == 2, what="a copy of the first")
            await a_lost_node(mosquitto.port, "rig2")
            await eventually_async(lambda: any("rig2" in each for each in hook.titles), what="the next is under way")
            number = about_the_node(local)
            await eventually_async(lambda: any(row[5] == 2 for row in progress(local, number)), what="it is counted")
            hook.hold.set()
    first = [each for each in hook.titles if "rig1" in each]
    assert first == ["CRITICAL: garage/rig1 lost", "CRITICAL: garage/rig1 lost (may be a second copy)"]


async def test_the_heartbeat_says_nothing_until_it_knows_and_then_that_all_is_well(
    home: Home, mosquitto: Mosquitto
) -> None:
    prepare(home, rig("rig1", "garage"))
    with webhook() as hook, webhook() as elsewhere:
        url = Secret(f"http://127.0.0.1:{elsewhere.port}/ping")
        beats = HeartbeatSettings(url=url, every=timedelta(seconds=1))
        for start in (1, 2):
            elsewhere.deliveries.clear()
            async with subscribing(home, configured(mosquitto.port, hook, heartbeat=beats)):
                await eventually_async(lambda: elsewhere.deliveries, what=f"a beat after start {start}")
            assert {each.path for each in elsewhere.deliveries} == {"/ping"}


@contextlib.contextmanager
def subscriber_with(home: Home, port: int, url: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-m", __name__, str(home.path), str(port), url])
    try:
        yield process
    finally:
        process.kill()
        process.wait(timeout=30)


def _main() -> None:
    path, port, url = sys.argv[1:]
    hook = Webhook(port=int(url.split(":")[2].split("/")[0]))
    wanted = configured(int(port), hook)
    run(lambda stop: subscribe(Home.find(path, {}), wanted, clock=SystemClock(), stop=stop))


if __name__ == "__main__":
    _main()
