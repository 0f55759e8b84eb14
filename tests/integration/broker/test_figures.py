"""The broker's figures, as `$SYS` topics and for Prometheus."""

import asyncio
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker import housekeeping
from broker.counters import Counters
from broker.figures import figures
from broker.rights import Role
from broker.service import new_event_loop
from rigwatch import __version__
from tests.integration.broker.peer import Peer, Will
from tests.integration.broker.running import House, broker_running
from tests.waiting import eventually_async

# As in production; test_amqtt_rows.py runs on asyncio's own loop, as Windows does.
LOOP = new_event_loop

REPORT1 = "rigwatch/v1/main/rig1/report"
STATUS1 = "rigwatch/v1/main/rig1/status"


def scrape(house: House) -> dict[str, float]:
    """Samples by name, and by reason where there is one."""
    with urlopen(f"http://127.0.0.1:{house.metrics_port}/metrics", timeout=5) as page:
        families = text_string_to_metric_families(page.read().decode())
    return {
        " ".join([sample.name.removeprefix("rigwatch_broker_"), *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


async def test_prometheus_sees_what_happens(tmp_path: Path) -> None:
    async with broker_running(tmp_path, metrics=True) as house, await house.watcher() as watcher:
        node = await house.join(house.node(will=Will(STATUS1)))
        await node.publish(REPORT1)
        await node.publish("rigwatch/v1/main/rig2/report")
        await node.subscribe("#")
        node.drop()
        (await Peer.join(house.port, replace(house.node(), password="wrong"))).drop()
        # Left out, and its login stands.
        await house.join(replace(house.account("hass", Role.CONSUMER), will=Will("homeassistant/status")))
        stranger = await Peer.open(house.port)
        stranger.send(b"\x00\x00")
        assert await stranger.is_closed()
        assert [(await watcher.receive()).payload for _ in range(2)] == [b"x", b"lost"]
        expected = {
            "clients": 2,
            "connections": 2,
            "sessions": 2,
            "subscriptions": 1,
            "logins_total": 3,
            "accepted_total": 5,
            "messages_received_total": 2,
            "messages_sent_total": 2,
            "wills_sent_total": 1,
            "messages_dropped_total not allowed": 1,
            "messages_dropped_total will outside the account's rights": 1,
            "logins_refused_total wrong password": 1,
            "logins_refused_total subscription": 1,
            "clients_closed_total connection lost": 1,
        }

        async def seen() -> bool:
            found = await asyncio.to_thread(scrape, house)
            assert {name: found.get(name) for name in expected} == expected
            return found["bytes_received_total"] > 100 and found["bytes_sent_total"] > 50

        assert await eventually_async(seen)


# What Grafana's and exporters' templates for Mosquitto ask for.
ASKED_FOR = (
    *("version", "uptime", "clients/total", "clients/connected", "clients/disconnected", "clients/maximum"),
    *("clients/expired", "subscriptions/count", "retained messages/count", "messages/received", "messages/sent"),
    *("publish/messages/received", "publish/messages/sent", "publish/messages/dropped", "bytes/received", "bytes/sent"),
    *(f"load/messages/received/{window}" for window in ("1min", "5min", "15min")),
    *("load/bytes/sent/1min", "load/sockets/5min", "load/connections/15min", "load/publish/dropped/1min"),
)


@pytest.mark.parametrize(("role", "topic_filter"), [(Role.ADMIN, "$SYS/#"), (Role.CONSUMER, "$SYS/broker/#")])
async def test_who_may_reads_the_same_under_sys(
    tmp_path: Path, role: Role, topic_filter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Loads need two looks, between which time has passed.
    monkeypatch.setattr(housekeeping, "_FIGURES_EVERY", 0.25)
    async with broker_running(tmp_path) as house:
        async with await house.join(house.account("ann", role)) as ann:
            assert await ann.subscribe(topic_filter, 0) == 0
            found: dict[str, bytes] = {}

            async def all_said() -> bool:
                found.update({each.topic: each.payload for each in await ann.receive_all()})
                return {f"$SYS/broker/{topic}" for topic in ASKED_FOR} <= set(found)

            assert await eventually_async(all_said)
            assert found["$SYS/broker/clients/connected"].isdigit()
            assert found["$SYS/broker/version"] == f"rigwatch {__version__}".encode()
            assert found["$SYS/broker/uptime"].endswith(b" seconds")
            assert float(found["$SYS/broker/load/connections/15min"]) >= 0
            assert {f"$SYS/broker/{topic}" for topic, _ in figures(Counters())} <= set(found)
            assert not [topic for topic in found if not topic.startswith("$SYS/broker/")]
        async with await house.join(house.service("watch")) as watch:
            assert await watch.subscribe("$SYS/#") == 0x80


def test_reasons_have_topics_of_their_own_and_a_sum() -> None:
    counters = Counters()
    counters.drop("queue full", 3)
    counters.drop("not allowed")
    counters.drop("nothing", 0)
    found = dict(figures(counters))
    assert found["messages/dropped"] == 4
    assert found["messages/dropped/queue full"] == 3
    assert "messages/dropped/nothing" not in found
