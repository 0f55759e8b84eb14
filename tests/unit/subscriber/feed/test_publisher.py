"""What the feed does with what a broker keeps and others write, when; over a connection that is made up."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.mqtt import LastWill, MqttConnection, MqttMessage, MqttRefused
from rigwatch.settings.server import FeedSettings
from store import Store, housekeeping, open_store
from subscriber.feed import publisher
from subscriber.feed.homeassistant import MIGRATE
from subscriber.feed.publisher import HEAL_S, LOOK_S, Feed, FeedTarget
from subscriber.feed.reader import FeedFacts, FeedReader
from subscriber.worker import StoreWorker
from tests.fake_clock import START, FakeClock
from tests.rigs import birth, rig
from tests.waiting import eventually_async

GONE, AVAILABILITY = "rigwatch/v1/main/gone/state", "rigwatch/v1/main/rig1/availability"
SERVER = "rigwatch/v1/server/status"
DAY: Millis = 86_400_000


@dataclass(slots=True)
class Leader:
    """Whether there is no other subscriber."""

    drives: bool = True


@dataclass(slots=True)
class MadeUp:
    """A connection; `keeps` is told upon the first subscription, `late` only once the first state is published, and
    `refuses` beginnings of filters."""

    tell: Callable[[MqttMessage], None]
    keeps: tuple[MqttMessage, ...] = ()
    late: tuple[MqttMessage, ...] = ()
    refuses: tuple[str, ...] = ()
    is_broken: bool = False
    confirms: bool = True
    is_closed: bool = False
    published: list[tuple[str, bytes]] = field(default_factory=list)
    lost: "asyncio.Future[str]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    async def subscribe(self, *filters: str, qos: int) -> None:
        assert qos == 0
        if any(each.startswith(self.refuses) for each in filters if self.refuses):
            raise MqttRefused("not allowed")
        for message in self.keeps:
            self.tell(message)
        self.keeps = ()

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> asyncio.Future[None]:
        assert retain
        if self.is_broken:
            raise RuntimeError("a defect")
        if topic.endswith("/rig1/state"):
            for message in self.late:
                self.tell(message)
            self.late = ()
        self.published.append((topic, payload))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.confirms:
            done.set_result(None)
        return done

    async def close(self) -> None:
        self.is_closed = True
        self.lost.cancel()


@dataclass(slots=True)
class Feeding:
    store: Store
    clock: FakeClock
    leader: Leader
    made: list[MadeUp]
    running: "list[asyncio.Task[None]]" = field(default_factory=list)

    async def until(self, topic: str, payload: bytes, *, step_s: float = LOOK_S) -> None:
        async def is_said() -> bool:
            await self.clock.advance(step_s)
            return bool(self.made) and (topic, payload) in self.made[-1].published

        await eventually_async(is_said, what=f"{topic} is {payload!r}")

    async def connected(self, times: int, *, step_s: float = LOOK_S) -> None:
        async def is_connected() -> bool:
            await self.clock.advance(step_s)
            return len(self.made) >= times

        await eventually_async(is_connected, what=f"connection {times} is made")

    async def at_rest(self) -> None:
        """Until it waits for its next look."""
        await eventually_async(lambda: any(due > self.clock.monotonic() for due, *_ in self.clock._sleepers))

    def beat(self, now: Millis) -> None:
        with self.store.write() as tx:
            housekeeping.beat(tx, "subscriber", now=now, connected_at=START - 1000)


@asynccontextmanager
async def feeding(
    folder: Path,
    *,
    homeassistant: bool = False,
    keeps: tuple[MqttMessage, ...] = (),
    late: tuple[MqttMessage, ...] = (),
    refuses: tuple[str, ...] = (),
) -> AsyncIterator[Feeding]:
    """With one node, and a subscriber that gave its last sign of life tomorrow, however much time the test takes."""
    store = open_store("sqlite:///rigwatch.db", Home(folder))
    store.take([rig("rig1").heard(birth())])
    fed = Feeding(store, FakeClock(), Leader(), [])
    fed.beat(START + DAY)

    async def open_connection(tell: Callable[[MqttMessage], None], _will: LastWill) -> MqttConnection:
        fed.made.append(MadeUp(tell, keeps, late, refuses))
        return cast("MqttConnection", fed.made[-1])

    worker = StoreWorker(store)
    feed = Feed(
        FeedSettings(state=True, homeassistant=homeassistant),
        worker,
        FeedTarget(open_connection),
        reader=FeedReader(),
        turn=fed.leader,
        clock=fed.clock,
        link="",
    )
    running = asyncio.create_task(feed.run())
    fed.running.append(running)
    try:
        yield fed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await worker.close()


async def test_what_is_kept_of_a_node_that_is_gone_is_cleared_also_when_it_arrives_late(tmp_path: Path) -> None:
    async with feeding(tmp_path, late=(MqttMessage(GONE, b"{}", retained=True),)) as fed:
        await fed.until(GONE, b"")


async def test_what_somebody_writes_is_put_right_before_the_next_look_is_due(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        await fed.at_rest()
        published = fed.made[0].published
        published.clear()
        before = fed.clock.monotonic()
        fed.made[0].tell(MqttMessage(AVAILABILITY, b"nonsense", retained=False))
        await fed.until(AVAILABILITY, b"online", step_s=0.001)
        assert fed.clock.monotonic() - before < LOOK_S
        assert {topic for topic, _ in published} == {AVAILABILITY}


async def test_who_writes_all_the_time_does_not_have_the_store_looked_at_all_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Millis] = []
    look = FeedReader.look

    def counted(reader: FeedReader, store: Store, now: Millis) -> FeedFacts:
        looks.append(now)
        return look(reader, store, now)

    monkeypatch.setattr(FeedReader, "look", counted)
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        await fed.at_rest()
        looks.clear()
        published = fed.made[0].published
        began = fed.clock.monotonic()
        for _ in range(30):
            published.clear()
            fed.made[0].tell(MqttMessage(AVAILABILITY, b"nonsense", retained=False))
            await fed.until(AVAILABILITY, b"online", step_s=HEAL_S / 4)
        passed = fed.clock.monotonic() - began
        assert len(looks) <= passed / (LOOK_S - HEAL_S) + 1
        assert passed / 30 < LOOK_S / 2


async def test_its_own_words_that_come_back_are_not_answered(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        await fed.at_rest()
        said = list(fed.made[0].published)
        for topic, payload in said:
            fed.made[0].tell(MqttMessage(topic, payload, retained=False))
        fed.made[0].published.clear()
        fed.made[0].tell(MqttMessage("homeassistant/sensor/0x00158d/power/config", b"{}", retained=False))
        await fed.clock.advance(LOOK_S / 2)
        # The server's first word was "offline", until the tree stood.
        assert {topic for topic, _ in fed.made[0].published} <= {SERVER}


async def test_while_the_subscriber_has_no_broker_of_its_own_nothing_is_up_to_date(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        fed.made[0].published.clear()
        fed.beat(START - DAY)
        await fed.until(SERVER, b"offline")
        assert fed.made[0].published == [(SERVER, b"offline")]
        fed.beat(START + DAY)
        await fed.until(SERVER, b"online")


async def test_who_does_not_lead_any_more_says_goodbye(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        fed.made[0].published.clear()
        fed.leader.drives = False
        await fed.until(SERVER, b"offline")
        assert fed.made[0].lost.cancelled()


async def test_a_broker_that_shows_nothing_of_home_assistants_is_told_all_the_same(tmp_path: Path) -> None:
    async with feeding(tmp_path, homeassistant=True, refuses=("homeassistant/",)) as fed:
        await fed.until(SERVER, b"online")
        topics = {topic for topic, _ in fed.made[0].published}
        assert "homeassistant/device/rigwatch_4_main_rig1/config" in topics


async def test_much_that_others_left_is_cleared_by_and_by_and_what_is_superseded_is_told_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher, "_CLEARED_AT_ONCE", 10)
    own = "rigwatch_4_main_rig1"
    ghosts = [f"rigwatch/v1/main/ghost{number}/state" for number in range(35)]
    old = [f"homeassistant/sensor/{own}/key{number}/config" for number in range(35)]
    keeps = tuple(MqttMessage(topic, b"{}", retained=True) for topic in (*ghosts, *old))
    async with feeding(tmp_path, homeassistant=True, keeps=keeps) as fed:
        for topic in (*ghosts, *old):
            await fed.until(topic, b"", step_s=HEAL_S)
        published = fed.made[0].published
        announced = [topic for topic, _ in published].index(f"homeassistant/device/{own}/config")
        assert {topic for topic, payload in published[:announced] if payload == MIGRATE} == set(old)
        cleared = [number for number, (_, payload) in enumerate(published) if not payload]
        assert published.index((SERVER, b"online")) < cleared[-1]


@pytest.mark.parametrize(
    "topic",
    [
        "rigwatch/v1/server/incidents",
        "rigwatch/v1/server/state",
        "rigwatch/v1/main/rig1/state",
        "homeassistant/device/rigwatch_4_main_rig1/config",
        "homeassistant/device/rigwatch_server/config",
    ],
)
@pytest.mark.parametrize(
    "payload",
    [
        b"\xff",
        b'{"\xff":1}',
        b"[" * 100_000,
        b'{"cmps":' * 10_000,
        b'{"energy_kwh":%s}' % (b"9" * 400),
        b'{"energy_kwh":-1,"cmps":{"a":{"p":[]},"b":1}}',
        b"[%s]" % (b"9" * 40),
        b"[-5]",
        b"[9223372036854775807]",
    ],
    ids=lambda payload: payload[:20].decode("latin-1"),
)
async def test_whatever_somebody_left_on_the_broker_the_tree_is_published(
    tmp_path: Path, topic: str, payload: bytes
) -> None:
    keeps = (MqttMessage(topic, payload, retained=True),)
    async with feeding(tmp_path, homeassistant=True, keeps=keeps) as fed:
        await fed.until(SERVER, b"online")
        assert topic in {each for each, _ in fed.made[0].published}
        assert len(fed.made) == 1


async def test_a_broker_that_confirms_nothing_is_left_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        await fed.at_rest()
        monkeypatch.setattr(publisher, "CONFIRMED_S", 0.05)
        fed.made[0].confirms = False
        fed.made[0].tell(MqttMessage(AVAILABILITY, b"nonsense", retained=False))
        await fed.until(AVAILABILITY, b"online")
        await eventually_async(lambda: "not confirmed" in caplog.text, what="it is said")
        await fed.connected(2)


async def test_each_loss_after_a_while_is_a_first_one(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.connected(1)
        for number in range(1, 10):
            await fed.until(SERVER, b"online")
            await fed.clock.advance(120)
            fed.made[-1].lost.set_result("it went away")
            await eventually_async(lambda: fed.made[-1].is_closed)
            lost_at = fed.clock.monotonic()
            await fed.connected(number + 1, step_s=0.5)
            assert fed.clock.monotonic() - lost_at < 3


async def test_what_breaks_at_its_end_does_not_keep_it_going(tmp_path: Path) -> None:
    async with feeding(tmp_path) as fed:
        await fed.until(SERVER, b"online")
        await fed.at_rest()
        fed.made[0].is_broken = True
        (running,) = fed.running
        running.cancel()
        done, _ = await asyncio.wait([running], timeout=5)
        assert done
