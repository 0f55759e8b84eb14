from publisher.delivery import ACK_TIMEOUT_MAX_S, ACK_TIMEOUT_S, QUICK, REPORT_BYTES_MAX, SampleDelivery, SampleKind
from rigwatch.messages import SAMPLES_MAX


def _with(count: int, size: int = 100) -> SampleDelivery:
    delivery = SampleDelivery()
    delivery.restart(dict.fromkeys(range(1, count + 1), size))
    return delivery


def _drain(delivery: SampleDelivery, now: float = 0.0) -> list[tuple[int, ...]]:
    batches = []
    while batch := delivery.next(now):
        batches.append(batch.samples)
    return batches


def test_the_newest_sample_goes_first_and_alone() -> None:
    delivery = _with(3)
    first, second = delivery.next(0.0), delivery.next(0.0)
    assert first is not None
    assert second is not None
    assert (first.kind, first.samples) == (SampleKind.LIVE, (3,))
    assert (second.kind, second.samples) == (SampleKind.HISTORY, (1, 2))


def test_history_goes_one_batch_at_a_time_newest_first() -> None:
    delivery = _with(SAMPLES_MAX * 2 + 1)
    assert _drain(delivery) == [(1001,), tuple(range(501, 1001))]
    delivery.acked(range(501, 1001), 1.0)
    assert _drain(delivery, 1.0) == [tuple(range(1, 501))]


def test_while_acks_come_quickly_more_batches_are_on_their_way_at_once() -> None:
    delivery = _with(SAMPLES_MAX * 20)
    numbers = [_drain(delivery, 0.0)[1]]
    for expected in (2, 3, 4, 5, 6, 7, 8, 8):
        delivery.acked(numbers.pop(0), 0.0)
        numbers += _drain(delivery, 0.0)
        assert len(numbers) == expected


def test_what_comes_back_and_what_is_new_are_sent_newest_first_again() -> None:
    delivery = _with(4)
    batches = [delivery.next(0.0), delivery.next(0.0)]
    for batch in batches:
        assert batch is not None
        delivery.broker_has(batch.number, 0.0)
    delivery.add(5, 100)
    delivery.add(6, 100)
    assert _drain(delivery, 1.0) == [(6,)]
    assert _drain(delivery, ACK_TIMEOUT_S) == [(1, 2, 3, 4, 5)]


def test_a_slow_ack_leaves_one_batch_on_its_way_at_a_time() -> None:
    delivery = _with(SAMPLES_MAX * 20)
    _, first = _drain(delivery, 0.0)
    delivery.acked(first, 0.1)
    second, third = _drain(delivery, 0.1)
    delivery.acked(second, 0.1 + QUICK + 0.01)
    assert _drain(delivery, 1.0) == []
    delivery.acked(third, 1.1)
    assert len(_drain(delivery, 1.1)) == 1


def test_a_live_sample_does_not_wait_for_history() -> None:
    delivery = _with(SAMPLES_MAX * 2)
    _drain(delivery)
    delivery.add(5000, 100)
    assert _drain(delivery) == [(5000,)]


def test_a_report_holds_as_many_bytes_as_brokers_take() -> None:
    size = REPORT_BYTES_MAX // 4
    delivery = _with(10, size)
    _drain(delivery)
    delivery.acked([10, 9, 8, 7, 6], 0.0)
    batch = delivery.next(0.0)
    assert batch is not None
    assert len(batch.samples) == 4


def test_a_sample_that_is_larger_than_a_report_goes_alone() -> None:
    delivery = SampleDelivery()
    delivery.restart({1: REPORT_BYTES_MAX * 2, 2: REPORT_BYTES_MAX * 2, 3: 10})
    assert _drain(delivery) == [(3,), (2,)]


def test_nothing_expires_before_the_broker_has_it() -> None:
    delivery = _with(1)
    assert _drain(delivery) == [(1,)]
    assert delivery.wakes_at() is None
    assert _drain(delivery, 1e6) == []


def test_a_report_without_an_ack_is_sent_again() -> None:
    delivery = _with(1)
    batch = delivery.next(0.0)
    assert batch is not None
    delivery.broker_has(batch.number, 5.0)
    assert delivery.wakes_at() == 5.0 + ACK_TIMEOUT_S
    assert _drain(delivery, 5.0 + ACK_TIMEOUT_S - 0.1) == []
    assert _drain(delivery, 5.0 + ACK_TIMEOUT_S) == [(1,)]


def test_the_waits_double_up_to_a_limit_while_no_ack_comes() -> None:
    delivery = _with(2)
    delivery.next(0.0)
    now, waits = 0.0, []
    for _ in range(8):
        batch = delivery.next(now)
        assert batch is not None
        delivery.broker_has(batch.number, now)
        due = delivery.wakes_at()
        assert due is not None
        waits.append(due - now)
        now = due
    assert waits == [20.0, 40.0, 80.0, 160.0, 320.0, ACK_TIMEOUT_MAX_S, ACK_TIMEOUT_MAX_S, ACK_TIMEOUT_MAX_S]


def test_one_ack_and_history_is_sent_again_soon() -> None:
    delivery = _with(2)
    delivery.next(0.0)
    now = 0.0
    for _ in range(8):
        batch = delivery.next(now)
        assert batch is not None
        delivery.broker_has(batch.number, now)
        now = delivery.wakes_at() or now
    batch = delivery.next(now)
    assert batch is not None
    delivery.broker_has(batch.number, now)
    delivery.add(3, 100)
    delivery.next(now)
    delivery.acked([3], now + 1)
    assert delivery.wakes_at() == now + 1 + ACK_TIMEOUT_S


def test_an_ack_of_a_part_keeps_the_rest_in_flight() -> None:
    delivery = _with(4)
    _drain(delivery)
    assert delivery.acked([2, 4], 0.0) == (2, 4)
    assert _drain(delivery) == []
    assert delivery.acked([1, 3], 0.0) == (1, 3)


def test_an_ack_of_unknown_samples_is_not_passed_on() -> None:
    assert _with(2).acked([7, 2, 8], 0.0) == (2,)


def test_an_ack_that_comes_after_the_wait_still_counts() -> None:
    delivery = _with(1)
    batch = delivery.next(0.0)
    assert batch is not None
    delivery.broker_has(batch.number, 0.0)
    delivery.next(ACK_TIMEOUT_S)
    assert delivery.acked([1], ACK_TIMEOUT_S + 1) == (1,)
    assert delivery.wakes_at() is None
    assert _drain(delivery, 1e6) == []


def test_a_new_connection_sends_everything_again() -> None:
    delivery = _with(3)
    assert _drain(delivery) == [(3,), (1, 2)]
    delivery.restart({1: 100, 2: 100, 3: 100})
    assert _drain(delivery) == [(3,), (1, 2)]


def test_dropped_samples_are_not_sent() -> None:
    delivery = _with(4)
    delivery.forget([1, 4], 0.0)
    assert _drain(delivery) == [(2, 3)]


def test_a_puback_of_an_earlier_connection_changes_nothing() -> None:
    delivery = _with(1)
    batch = delivery.next(0.0)
    assert batch is not None
    delivery.restart({1: 100})
    delivery.broker_has(batch.number, 0.0)
    assert delivery.wakes_at() is None
