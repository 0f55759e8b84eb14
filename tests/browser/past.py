"""A fleet with a past, for pictures and tests: simulated machines, tagged as such, some with a story."""

from dataclasses import dataclass

import msgspec

from publisher.sources.reading import Reading
from publisher.sources.simulated import SimulatedSettings, SimulatedSource
from publisher.sources.source import Context
from rigwatch.clock import Millis
from rigwatch.messages import NodeState, Report, Sample, Status
from rigwatch.topics import NodeId
from subscriber.store import Store
from tests.rigs import Rig, rig

MINUTE: Millis = 60_000
HOUR = 60 * MINUTE
BIG_RIG = NodeId("garage", "tower")
"""Has six cards."""
SHAKY = NodeId("cellar", "shed")
"""Was lost twice, silent once, and could not read its miner for a while."""


@dataclass(slots=True)
class _Clock:
    """Stands where it is put."""

    at: Millis

    def now(self) -> Millis:
        return self.at

    def monotonic(self) -> float:
        return self.at / 1000

    async def sleep(self, _seconds: float) -> None:
        raise NotImplementedError


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

    def samples(self, since: Millis, until: Millis, **changed: object) -> list[Sample]:
        return [self.sample(at, **changed) for at in range(since, until, MINUTE)]

    def tell(self, store: Store, samples: list[Sample], session: int = 1) -> None:
        for first in range(0, len(samples), 500):
            part = samples[first : first + 500]
            store.write([self.rig.heard(Report(session, part[-1].at, tuple(part)), part[-1].at)])


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
    """Tells the store what the fleet reported over the last `hours`, up to this minute; some 5 s for a day."""
    begin = now - hours * HOUR
    for machine in machines(begin):
        store.write([machine.rig.heard(machine.birth(1), begin)])
        if machine.node == SHAKY:
            _shaky(store, machine, begin, now)
        elif machine.node.node == "hotel":
            machine.tell(store, machine.samples(begin, now - 9 * MINUTE))
            store.write([machine.rig.heard(Status(NodeState.LOST, 1), now - 8 * MINUTE)])
        elif machine.node.node == "echo":
            machine.tell(store, machine.samples(begin, now - 3 * HOUR))
            goodbye = Status(NodeState.OFFLINE, 1, reason="stopped by the service")
            store.write([machine.rig.heard(goodbye, now - 3 * HOUR)])
        else:
            machine.tell(store, machine.samples(begin, now))


def _shaky(store: Store, machine: Machine, begin: Millis, now: Millis) -> None:
    breaks = (now - 17 * HOUR, now - 16 * HOUR - 20 * MINUTE, now - 5 * HOUR, now - 4 * HOUR - 45 * MINUTE)
    machine.tell(store, machine.samples(begin, breaks[0]))
    store.write([machine.rig.heard(Status(NodeState.LOST, 1), breaks[0])])
    store.write([machine.rig.heard(machine.birth(2), breaks[1])])
    silent = now - 11 * HOUR
    machine.tell(store, machine.samples(breaks[1], silent), 2)
    machine.tell(store, machine.samples(silent + 40 * MINUTE, breaks[2]), 2)
    store.write([machine.rig.heard(Status(NodeState.LOST, 2), breaks[2])])
    store.write([machine.rig.heard(machine.birth(3), breaks[3])])
    failing = now - 50 * MINUTE
    machine.tell(store, machine.samples(breaks[3], failing), 3)
    why = {"xmrig": "http://127.0.0.1:4444 does not answer (connection refused)"}
    machine.tell(store, machine.samples(failing, now, hashrate=None, errors=why), 3)


def _together(readings: list[Reading]) -> dict[str, object]:
    first = msgspec.structs.asdict(readings[0])
    gpus = [msgspec.to_builtins(gpu) for reading in readings for gpu in reading.gpus or ()]
    kept = {name: value for name, value in first.items() if name in Sample.__struct_fields__ and value is not None}
    return {
        **{name: msgspec.to_builtins(value) for name, value in kept.items()},
        "hashrate": sum(reading.hashrate or 0 for reading in readings),
        "power": sum(reading.power or 0 for reading in readings),
        "temperature": max(reading.temperature or 0 for reading in readings),
        "gpus": gpus,
    }
