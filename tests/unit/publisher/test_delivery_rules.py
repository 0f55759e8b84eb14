"""Whatever happens in whatever order: nothing is lost, nothing is sent that is not kept."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from publisher.delivery import ACK_TIMEOUT_MAX_S, REPORT_BYTES_MAX, Batch, SampleDelivery, SampleKind
from rigwatch.messages import SAMPLES_MAX


class AnyOrder(RuleBasedStateMachine):
    """The model is what a person would say: a set of samples that are kept, and the reports that were sent."""

    def __init__(self) -> None:
        super().__init__()
        self.delivery = SampleDelivery()
        self.kept: dict[int, int] = {}
        self.sent: list[Batch] = []
        self.now = 0.0
        self.last = 0

    @rule(count=st.integers(1, 700), size=st.integers(1, 5000))
    def take_samples(self, count: int, size: int) -> None:
        for _ in range(count):
            self.last += 1
            self.kept[self.last] = size
            self.delivery.add(self.last, size)

    @rule()
    def send_one(self) -> None:
        batch = self.delivery.next(self.now)
        if batch is not None:
            assert set(batch.samples) <= self.kept.keys(), "only what is kept is sent"
            assert 1 <= len(batch.samples) <= SAMPLES_MAX
            assert list(batch.samples) == sorted(batch.samples)
            total = sum(self.kept[n] for n in batch.samples)
            assert total <= REPORT_BYTES_MAX or len(batch.samples) == 1
            if batch.kind is SampleKind.LIVE:
                assert batch.samples == (max(self.kept),)
            self.sent.append(batch)

    @rule(which=st.floats(0, 0.999))
    def broker_confirms(self, which: float) -> None:
        if self.sent:
            self.delivery.broker_has(self.sent[int(which * len(self.sent))].number, self.now)

    @rule(which=st.floats(0, 0.999), part=st.floats(0, 1))
    def subscriber_acks(self, which: float, part: float) -> None:
        if self.sent:
            samples = self.sent[int(which * len(self.sent))].samples
            acked = samples[: round(part * len(samples))]
            known = self.delivery.acked(acked, self.now)
            assert set(known) == set(acked) & self.kept.keys()
            for n in known:
                del self.kept[n]

    @rule(count=st.integers(1, 50))
    def outbox_drops_the_oldest(self, count: int) -> None:
        dropped = sorted(self.kept)[:count]
        for n in dropped:
            del self.kept[n]
        self.delivery.forget(dropped, self.now)

    @rule()
    def connection_is_lost(self) -> None:
        self.delivery.restart(self.kept)
        self.sent.clear()

    @rule(seconds=st.floats(0.1, 2000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def it_wakes_in_time(self) -> None:
        due = self.delivery.wakes_at()
        assert due is None or due <= self.now + ACK_TIMEOUT_MAX_S

    def teardown(self) -> None:
        """From any state, a broker and a subscriber that answer empty it."""
        self.delivery.restart(self.kept)
        for _ in range(len(self.kept) + 1):
            while batch := self.delivery.next(self.now):
                for n in self.delivery.acked(batch.samples, self.now):
                    del self.kept[n]
        assert not self.kept, "everything was delivered"


AnyOrder.TestCase.settings = settings(max_examples=60, stateful_step_count=30)
TestAnyOrder = AnyOrder.TestCase
