"""What goes through a channel next, on a time that the test hands in."""

from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from alerts.route import Route
from rigwatch.clock import Millis
from store.outbox import StoredNotification
from subscriber.notify.batches import COPIES_MAX, TRIED_FOR, BatchQueue, DeliveryResult, Disposition, NotificationBatch
from subscriber.notify.channel import Channel, NotSent
from tests.fake_clock import START

DOWN, HANGS, TEXT = NotSent("down"), NotSent("timed out", maybe=True), NotSent("too long", text=True)
MINUTE: Millis = 60_000


class Nothing:
    def send(self, notification: StoredNotification, *, timeout: float) -> None:
        """Never called here."""


CHANNEL = Channel("web", Nothing(), Route("web"), "hash", 100, 60.0, 20.0)


def message(number: int, *incidents: int, created_at: Millis = START) -> StoredNotification:
    return StoredNotification(
        number, "web", "first", "info", f"message {number}", "body", incidents or (number,), created_at, 1
    )


def batches(*messages: StoredNotification, rate: int = 100) -> BatchQueue:
    made = BatchQueue(replace(CHANNEL, rate=rate))
    for each in messages:
        made.add(each, 0.0)
    return made


def taken(made: BatchQueue, now: float) -> NotificationBatch:
    batch = made.take(now)
    assert batch
    return batch


def fail(made: BatchQueue, batch: NotificationBatch, exc: NotSent, now: float) -> DeliveryResult:
    return made.failed(batch, exc, now=now, wall=START + round(now * 1000))


def titles(batch: NotificationBatch, now: Millis = START) -> str:
    return batch.as_one(now).title


def attempts_until(made: BatchQueue, exc: NotSent, until: float) -> list[tuple[float, set[int]]]:
    """What is tried when, while all of it fails."""
    tried: list[tuple[float, set[int]]] = []
    now = 0.0
    while now <= until:
        batch = made.take(now)
        if batch is None:
            at = made.check_at(now)
            if at is None:
                break
            now = max(at, now + 0.001)
            continue
        tried.append((now, batch.numbers))
        fail(made, batch, exc, now)
    return tried


def test_they_go_one_after_the_other_while_none_takes_long() -> None:
    made = batches(message(1), message(2))
    first = taken(made, 0)
    assert made.take(0.5) is None
    made.sent(first, 0.5)
    assert taken(made, 0.5).numbers == {2}


def test_one_that_takes_long_does_not_hold_up_the_next() -> None:
    made = batches(message(1), message(2))
    taken(made, 0)
    assert made.check_at(0) == 1.0
    assert taken(made, 1.0).numbers == {2}


def test_one_that_always_fails_does_not_hold_up_the_next() -> None:
    made = batches(message(1))
    for now in (0, 100, 1000, 10_000):
        fail(made, taken(made, now), DOWN, now)
    made.add(message(2), 10_001)
    at = made.check_at(10_001)
    assert at
    assert at <= 10_002
    assert taken(made, at).numbers == {2}


def test_a_channel_that_is_down_is_not_asked_once_a_message() -> None:
    tried = attempts_until(batches(*(message(number) for number in range(1, 51))), DOWN, 3600)
    assert len(tried) < 90
    assert len([at for at, _ in tried if at > 600]) / 50 < 1.5, "about one a minute"


def test_all_that_failed_with_the_channel_goes_at_once_when_it_works() -> None:
    made = batches(*(message(number) for number in range(1, 6)))
    attempts_until(made, DOWN, 30)
    made.add(message(9), 31)
    at = made.check_at(31)
    assert at
    made.sent(taken(made, at), at)
    went = []
    while batch := made.take(at):
        went.append(batch.numbers)
        made.sent(batch, at)
    assert [number for each in went for number in sorted(each)] == [1, 2, 3, 4, 5]


def test_the_end_of_an_incident_is_not_told_before_its_beginning() -> None:
    made = batches(message(1, 7), message(2, 7))
    first = taken(made, 0)
    assert made.take(5) is None
    fail(made, first, DOWN, 5)
    at = made.check_at(5)
    assert at
    both = taken(made, at)
    assert [each.id for each in both.notifications] == [1, 2]
    assert titles(both) == "2 messages: message 1"


def test_at_most_four_copies_go_out_each_marked() -> None:
    made = batches(message(1))
    now = 0.0
    seen: list[str] = []
    outcomes: list[DeliveryResult] = []
    for _ in range(COPIES_MAX):
        batch = taken(made, now)
        seen.append(titles(batch))
        outcomes.append(fail(made, batch, HANGS, now))
        now = made.check_at(now) or now
    assert seen == ["message 1"] + ["message 1 (may be a second copy)"] * 3
    assert made.take(now) is None
    assert outcomes[-1].fate is Disposition.GIVEN_UP
    assert "may have arrived 4 times" in outcomes[-1].why


def test_copies_come_slowly() -> None:
    tried = [at for at, _ in attempts_until(batches(message(1)), HANGS, 6 * 60)]
    assert len(tried) == 3
    assert tried[2] - tried[1] >= 30


def test_a_refused_text_is_sent_once_more_in_short_and_then_given_up() -> None:
    made = batches(message(1))
    assert fail(made, taken(made, 0), TEXT, 0).fate is Disposition.AGAIN
    brief = taken(made, 0)
    assert (brief.as_one(START).title, brief.as_one(START).body) == ("message 1", "")
    outcome = fail(made, brief, TEXT, 0)
    assert (outcome.fate, outcome.why) == (Disposition.GIVEN_UP, "its text is refused: too long")
    assert made.check_at(0) is None


def test_of_several_refused_together_each_goes_by_itself() -> None:
    made = batches(*(message(number) for number in range(1, 4)), rate=1)
    fail(made, taken(made, 0), TEXT, 0)
    made.add(message(9), 0)
    assert [titles(taken(made, at)) for at in (60, 120, 180, 240)] == [
        "message 9", "message 1", "message 2", "message 3"
    ]  # fmt: skip


def test_one_refused_text_among_others_costs_that_text_only() -> None:
    made = batches(message(1), message(2))
    fail(made, taken(made, 0), TEXT, 0)
    second = taken(made, 0)
    assert second.numbers == {2}
    made.sent(second, 0)


def test_a_channel_that_refuses_every_text_is_refused() -> None:
    made = batches(*(message(number) for number in range(1, 5)))
    fates = []
    while batch := made.take(0):
        fates.append(fail(made, batch, TEXT, 0).fate)
    assert Disposition.REFUSED in fates


def test_one_that_is_old_says_so_and_one_that_is_stale_is_given_up() -> None:
    made = batches(message(1, created_at=START - 25 * MINUTE))
    batch = taken(made, 0)
    assert titles(batch) == "message 1 (written 25 min ago)"
    assert titles(batch, START - 16 * MINUTE) == "message 1"
    assert titles(batch, START - 60 * MINUTE) == "message 1", "a clock that was put back makes nothing old"
    assert made.failed(batch, DOWN, now=0, wall=START + TRIED_FOR).fate is Disposition.GIVEN_UP


def test_what_is_asked_for_holds_for_the_whole_channel() -> None:
    made = batches(message(1), message(2))
    fail(made, taken(made, 0), NotSent("slow down", retry_after=30), 0)
    assert made.take(29) is None
    assert taken(made, 30).numbers == {2}


def test_another_address_is_not_blamed_for_the_old_one() -> None:
    made = batches(message(1))
    fail(made, taken(made, 0), NotSent("slow down", retry_after=600), 0)
    made.use(replace(CHANNEL, address="another"), 1)
    assert taken(made, 1).numbers == {1}


def test_a_digest_names_the_nodes_of_a_message_that_counts_them() -> None:
    group = structs.replace(
        message(1), title="CRITICAL: site garage: 2 nodes lost together", body="since 12:00\nrig1, rig2"
    )
    body = NotificationBatch([message(3), group]).as_one(START).body.split("\n")
    assert body == [
        "message 3",
        "CRITICAL: site garage: 2 nodes lost together",
        "CRITICAL: site garage: 2 nodes lost together",
        "since 12:00",
        "rig1, rig2",
    ]


def test_more_than_the_rate_allows_goes_as_one_that_says_how_many() -> None:
    made = batches(*(message(number) for number in range(1, 41)), rate=2)
    shown = taken(made, 0).as_one(START)
    assert shown.title == "40 messages: message 1"
    assert shown.body.splitlines()[-1] == "and 10 more"


_FAILURES = st.sampled_from(
    [DOWN, HANGS, TEXT, NotSent("slow down", retry_after=30), NotSent("half", maybe=True, partly=True)]
)
_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(1, 4), min_size=1, max_size=2, unique=True)),
        st.tuples(st.just("fail"), st.tuples(st.integers(0, 3), _FAILURES)),
        st.tuples(st.just("sent"), st.integers(0, 3)),
        st.tuples(st.just("wait"), st.floats(0, 700)),
    ),
    max_size=40,
)


@given(_EVENTS, st.integers(1, 5))
def test_nothing_is_lost_or_doubled_whatever_happens(events: list[tuple[str, Any]], rate: int) -> None:
    made, now, added = batches(rate=rate), 0.0, 0
    over: list[int] = []
    for kind, what in events:
        if kind == "add":
            added += 1
            made.add(message(added, *what), now)
        elif kind == "wait":
            now += what
        elif made.under_way:
            number, exc = what if kind == "fail" else (what, None)
            batch = made.under_way[number % len(made.under_way)]
            if exc is None:
                made.sent(batch, now)
                over += [each.id for each in batch.notifications]
            elif (outcome := fail(made, batch, exc, now)).fate is not Disposition.AGAIN:
                over += [each.id for each in outcome.notifications]
                over += [each.id for each in made.empty()] if outcome.fate is Disposition.REFUSED else []
        if (went := made.take(now)) and not went.alone:
            after = [each for each in made.waiting if not each.alone and not each.incidents.isdisjoint(went.incidents)]
            assert all(each.notifications[0].id > went.notifications[0].id for each in after), (
                "no story is told backwards"
            )
        held = [number for each in (*made.waiting, *made.under_way) for number in each.numbers]
        assert sorted([*held, *over]) == list(range(1, added + 1))
        under_way = [number for each in made.under_way for number in each.incidents]
        assert len(under_way) == len(set(under_way)), "one incident's messages go one after the other"
        assert all(each.copies < COPIES_MAX for batch in made.waiting for each in batch.notifications)
        at = made.check_at(now)
        assert at is None or at > now or made.take(at) or made.under_way


def test_a_message_about_two_incidents_waits_for_both_and_those_after_it_wait_for_it() -> None:
    made = batches(message(1, 1), message(2, 2), message(3, 1, 2), message(4, 2), rate=100)
    first = taken(made, 0)
    second = taken(made, 1)
    assert (first.numbers, second.numbers) == ({1}, {2})
    made.sent(second, 1.5)
    assert made.take(5) is None
    made.sent(first, 5)
    both = taken(made, 5)
    assert both.numbers == {3}
    assert made.take(9) is None
    made.sent(both, 9)
    assert taken(made, 9).numbers == {4}
