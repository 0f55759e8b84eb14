"""What the feed does with what a broker keeps, when that arrives while it publishes."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import cast

from rigwatch.home import Home
from rigwatch.mqtt import LastWill, MqttConnection, MqttMessage
from rigwatch.settings.server import FeedSettings
from store import housekeeping, open_store
from subscriber.feed.publisher import LOOK_S, Feed, FeedTarget
from subscriber.feed.reader import FeedReader
from subscriber.worker import StoreWorker
from tests.fake_clock import START, FakeClock
from tests.rigs import birth, rig
from tests.waiting import eventually_async

GONE = "rigwatch/v1/main/gone/state"


class Mine:
    """There is no other subscriber."""

    drives = True


class Slow:
    """A connection whose broker tells of what it keeps only once the first state is published."""

    def __init__(self, tell: Callable[[MqttMessage], None]) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.published: list[tuple[str, bytes]] = []
        self._tell = tell

    async def subscribe(self, *filters: str) -> None:
        assert filters

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        assert retain
        if topic.endswith("/rig1/state") and not any(known == topic for known, _ in self.published):
            self._tell(MqttMessage(GONE, b"{}", retained=True))
        self.published.append((topic, payload))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def close(self) -> None:
        self.lost.cancel()


async def test_what_is_kept_of_a_node_that_is_gone_is_cleared_also_when_it_arrives_late(tmp_path: Path) -> None:
    store = open_store("sqlite:///rigwatch.db", Home(tmp_path))
    store.take([rig("rig1").heard(birth())])
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START - 1000)
    opened: list[Slow] = []

    async def open_connection(tell: Callable[[MqttMessage], None], _will: LastWill) -> MqttConnection:
        opened.append(Slow(tell))
        return cast("MqttConnection", opened[0])

    worker, clock = StoreWorker(store), FakeClock()
    feed = Feed(
        FeedSettings(state=True),
        worker,
        FeedTarget(open_connection),
        reader=FeedReader(),
        turn=Mine(),
        clock=clock,
        link="",
    )
    running = asyncio.create_task(feed.run())

    async def is_cleared() -> bool:
        await clock.advance(LOOK_S)
        return bool(opened) and (GONE, b"") in opened[0].published

    await eventually_async(is_cleared, what="the tree forgets the node")
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await worker.close()
