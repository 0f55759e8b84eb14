"""Whatever is appended, forgotten and restarted: nothing lost, nothing beyond the limits, no number twice."""

import tempfile
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from publisher.outbox import Limits, Outbox
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

_LIMITS = Limits(samples=12, bytes=2500)


class AnyOrder(RuleBasedStateMachine):
    """The model is a dict of what should be kept, oldest first."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        self.kept: dict[int, float] = {}
        self.last_n = self.last_session = 0
        self.outbox = self._open()

    def _open(self) -> Outbox:
        path = Path(self.folder.name) / "outbox.db"
        return Outbox(path, NodeId("main", "rig07"), limits=_LIMITS, clock=self.clock)

    @rule(hashrate=st.floats(0, 1e12), text=st.text("x", max_size=190))
    def append(self, hashrate: float, text: str) -> None:
        kept = self.outbox.append(UnnumberedSample(Reading(hashrate=hashrate), {"jsonrpc": text} if text else {}))
        assert kept.n > self.last_n
        assert kept.dropped == tuple(list(self.kept)[: len(kept.dropped)]), "the oldest go"
        self.last_n = kept.n
        for n in kept.dropped:
            del self.kept[n]
        self.kept[kept.n] = hashrate

    @rule(which=st.sets(st.integers(0, 11)))
    def forget(self, which: set[int]) -> None:
        numbers = [n for at, n in enumerate(self.kept) if at in which]
        self.outbox.forget(numbers)
        for n in numbers:
            del self.kept[n]

    @rule()
    def connect(self) -> None:
        session = self.outbox.next_session()
        assert session > self.last_session
        self.last_session = session

    @rule(above=st.integers(0, 5000))
    def subscriber_knows_a_later_session(self, above: int) -> None:
        self.last_session += above
        self.outbox.raise_session_above(self.last_session)

    @rule()
    def restart(self) -> None:
        self.outbox.close()
        self.outbox = self._open()

    @rule(by=st.integers(-100_000, 100_000))
    def clock_jumps(self, by: int) -> None:
        self.clock.set_wall(self.clock.now() + by)

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        pending = self.outbox.pending()
        assert list(pending) == list(self.kept)
        loaded = {n: msgspec.json.decode(text)["hashrate"] for n, text in self.outbox.load(list(pending)).items()}
        assert loaded == self.kept

    @invariant()
    def it_is_within_its_limits(self) -> None:
        pending = self.outbox.pending()
        assert len(pending) <= _LIMITS.samples
        assert sum(pending.values()) <= _LIMITS.bytes

    def teardown(self) -> None:
        self.outbox.close()
        self.folder.cleanup()


AnyOrder.TestCase.settings = settings(max_examples=25, stateful_step_count=25)
TestAnyOrder = AnyOrder.TestCase
