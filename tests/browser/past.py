"""A fleet with a past, for pictures and tests: simulated machines, tagged as such, some with a story."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import groupby

import msgspec

from alerts.ingest import ReceivedMessage
from publisher.sources.reading import Reading
from publisher.sources.simulated import SimulatedSettings, SimulatedSource
from publisher.sources.source import Context
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Report, Sample, Status
from rigwatch.topics import NodeId
from store import Store
from tests.alerting import Driver
from tests.fake_clock import FakeClock
from tests.rigs import Rig, rig

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
BIG_RIG = NodeId("garage", "tower")
"""Has six cards."""
SHAKY = NodeId("cellar", "shed")
"""Was lost twice, the second time with its samples kept, silent once, and could not read its miner for a while."""


@dataclass(slots=True)
class _Clock:
    """Stands where it is put."""

    at: Millis

    def now(self) -> Millis:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000

    async def sleep(self, _seconds: float) -> None:
        raise AssertionError("the past is written without waiting")


@dataclass(frozen=True, slots=True)
class Said:
    """What a node said at a moment: a sample, or that it came or went."""

    rig: Rig
    at: Millis
    session: int
    body: Status | Sample

    def message(self) -> Status | Report:
        return self.body if isinstance(self.body, Status) else Report(self.session, self.at, (self.body,))


class Machine:
    """A simulated node with `cards` GPUs, its samples of any time, reported a minute apart."""

    def __init__(self, node: NodeId, began: Millis, *, host: str, cards: int = 1, tags: tuple[str, ...] = ()) -> None:
        self.node = node
        self.rig: Rig = rig(node.node, node.site)
        self._clock = _Clock(began)
        self._host = host
        self._tags = ("simulated", *tags)
        contexts = [Context(NodeId(node.site, f"{node.node}-{card}"), self._clock) for card in range(cards)]
        self._sources = [SimulatedSource(SimulatedSettings(), context) for context in contexts]

    def birth(self, session: int) -> Status:
        sources = ("simulated",)
        return Status(
            NodeState.ONLINE, session, host=self._host, version="0.1.0", interval=60, sources=sources, tags=self._tags
        )

    def sample(self, at: Millis, **changed: object) -> Sample:
        self._clock.at = at
        readings = [source.read() for source in self._sources]
        return msgspec.convert({**_together(readings), "n": at, "at": at, **changed}, Sample)

    def samples(self, since: Millis, until: Millis, session: int = 1, **changed: object) -> list[Said]:
        return [Said(self.rig, at, session, self.sample(at, **changed)) for at in range(since, until, MINUTE)]

    def status(self, at: Millis, status: Status) -> Said:
        return Said(self.rig, at, status.session, status)

    def story(self, begin: Millis, now: Millis) -> list[Said]:
        """All that it said, in order."""
        born = self.status(begin, self.birth(1))
        if self.node == SHAKY:
            return [born, *_shaky(self, begin, now)]
        if self.node.node == "hotel":
            gone = self.status(now - 8 * MINUTE, Status(NodeState.LOST, 1))
            return [born, *self.samples(begin, now - 9 * MINUTE), gone]
        if self.node.node == "echo":
            goodbye = Status(NodeState.OFFLINE, 1, reason="stopped by the service")
            return [born, *self.samples(begin, now - 3 * HOUR), self.status(now - 3 * HOUR, goodbye)]
        return [born, *self.samples(begin, now)]


def _shaky(machine: Machine, begin: Millis, now: Millis) -> list[Said]:
    lost, back, lost_again, back_again = (now - at * MINUTE for at in (17 * 60, 16 * 60 + 20, 5 * 60, 4 * 60 + 45))
    silent, failing = now - 11 * HOUR, now - 50 * MINUTE
    why = {"xmrig": "http://127.0.0.1:4444 does not answer (connection refused)"}
    return [
        *machine.samples(begin, lost),
        machine.status(lost, Status(NodeState.LOST, 1)),
        machine.status(back, machine.birth(2)),
        *machine.samples(back, silent, 2),
        *machine.samples(silent + 40 * MINUTE, lost_again, 2),
        machine.status(lost_again, Status(NodeState.LOST, 2)),
        machine.status(back_again, machine.birth(3)),
        # The second time it went on mining, and kept what it measured.
        *machine.samples(lost_again, failing, 3),
        *machine.samples(failing, now, 3, hashrate=None, errors=why),
    ]


def machines(began: Millis) -> list[Machine]:
    """Twelve of them, at two sites."""
    names = {
        "garage": ("alpha", "bravo", "charlie", "delta", "echo", "foxtrot"),
        "cellar": ("golf", "hotel", "india", "juliett"),
    }
    plain = [
        Machine(NodeId(site, name), began, host=f"{site}-{at // 3 + 1}", tags=("3000",) if at % 2 else ())
        for site, of in names.items()
        for at, name in enumerate(of)
    ]
    return [
        *plain,
        Machine(BIG_RIG, began, host="tower", cards=6, tags=("six cards",)),
        Machine(SHAKY, began, host="shed"),
    ]


def fill(store: Store, now: Millis, *, hours: int = 24) -> None:
    """Tells the store what the fleet said over the last `hours`, up to this minute; some 2 s for a day."""
    for machine in machines(now - hours * HOUR):
        store.take(_heard(machine.story(now - hours * HOUR, now)))


def watched(store: Store, now: Millis, *, hours: int = 24, minutes: int = 100) -> None:
    """As `fill`, with the alerts looking on for the last `minutes`; some 5 s."""
    begin, from_then = now - hours * HOUR, now - minutes * MINUTE
    late: defaultdict[Millis, list[tuple[Rig, Status | Report]]] = defaultdict(list)
    for machine in machines(begin):
        story = machine.story(begin, now)
        store.take(_heard([said for said in story if said.at < from_then]))
        for said in story:
            if said.at >= from_then:
                late[said.at].append((said.rig, said.message()))
    driver = Driver(store, FakeClock(from_then))
    driver.connected_at = begin
    for at in sorted(late):
        driver.clock.set_wall(at)
        driver.hear_all(late[at])
        driver.tick()


def _heard(story: list[Said]) -> list[ReceivedMessage]:
    """In reports as large as they may be."""
    told: list[ReceivedMessage] = []
    for is_status, group in groupby(story, key=lambda said: isinstance(said.body, Status)):
        part = list(group)
        if is_status:
            told += [said.rig.heard(said.message(), said.at) for said in part]
            continue
        for first in range(0, len(part), 500):
            samples = tuple(said.body for said in part[first : first + 500] if isinstance(said.body, Sample))
            last = part[first : first + 500][-1]
            told.append(last.rig.heard(Report(last.session, last.at, samples), last.at))
    return told


def _together(readings: list[Reading]) -> dict[str, object]:
    first = msgspec.structs.asdict(readings[0])
    gpus = [msgspec.to_builtins(gpu) for reading in readings for gpu in reading.gpus or ()]
    told = Sample.__struct_fields__
    # A sample says odd figures by their names; none of these has any.
    kept = {name: value for name, value in first.items() if name in told and value not in (None, (), [])}
    return {
        **{name: msgspec.to_builtins(value) for name, value in kept.items()},
        "hashrate": sum(reading.hashrate or 0 for reading in readings),
        "power": sum(reading.power or 0 for reading in readings),
        "temperature": max(reading.temperature or 0 for reading in readings),
        "gpus": gpus,
    }
