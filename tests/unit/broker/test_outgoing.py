import msgspec
import pytest

from broker.counters import Counters
from broker.encoding import pubrel
from broker.message import Message, again
from broker.outgoing import WINDOW_BYTES, Outgoing
from broker.waiting import Room, Waiting
from rigwatch.settings.server import BrokerLimits
from tests.fake_clock import FakeClock


class Line:
    """A connection that remembers what it was given."""

    def __init__(self) -> None:
        self.writable = True
        self.sent: list[bytes] = []

    def send(self, packet: bytes) -> None:
        self.sent.append(packet)


def message(number: int, qos: int = 1, *, size: int = 0) -> Message:
    return Message("t", b"%d" % number + bytes(size), qos=qos)


def outgoing(**limits: int) -> Outgoing:
    return Outgoing(msgspec.structs.replace(BrokerLimits(), **limits), Counters(), name="ann")


def live(**limits: int) -> tuple[Outgoing, Line]:
    line, made = Line(), outgoing(**limits)
    made.resume(line)
    return made, line


def test_it_sends_at_once_to_a_client_that_keeps_up() -> None:
    out, line = live()
    out.deliver(message(1), 1)
    out.deliver(message(2, 0), 0)
    assert line.sent == [message(1).packet(1, 1), message(2, 0).packet(0, 0)]
    assert out.in_flight == 1


def test_no_more_than_the_window_is_unacknowledged() -> None:
    out, line = live(inflight=2)
    for number in range(1, 5):
        out.deliver(message(number), 1)
    assert len(line.sent) == 2
    out.acknowledged(1)
    assert line.sent[2] == message(3).packet(1, 3)
    assert (out.in_flight, out.waiting) == (2, 1)


def test_order_is_kept_when_some_have_to_wait() -> None:
    out, line = live(inflight=1)
    for number in (1, 2, 3):
        out.deliver(message(number), 1)
    out.deliver(message(4, 0), 0)
    for packet_id in (1, 2, 3):
        out.acknowledged(packet_id)
    assert [packet[-1:] for packet in line.sent] == [b"1", b"2", b"3", b"4"]


def test_a_client_that_does_not_read_makes_messages_wait() -> None:
    out, line = live()
    line.writable = False
    out.deliver(message(1, 0), 0)
    out.deliver(message(2), 1)
    assert line.sent == []
    line.writable = True
    out.pump()
    assert line.sent == [message(1, 0).packet(0, 0), message(2).packet(1, 1)]


def test_an_absent_client_gets_later_what_must_not_be_lost() -> None:
    out, line = live()
    out.pause()
    out.deliver(message(1, 0), 0)
    out.deliver(message(2), 1)
    out.resume(line)
    assert line.sent == [message(2).packet(1, 1)]


def test_what_was_not_acknowledged_is_sent_again_in_order_and_marked() -> None:
    out, line = live()
    out.deliver(message(1), 1)
    out.deliver(message(2, 2), 2)
    out.deliver(message(3, 2), 2)
    out.received(2)
    out.pause()
    line.sent.clear()
    out.resume(line)
    assert line.sent == [again(message(1).packet(1, 1)), pubrel(2), again(message(3, 2).packet(2, 3))]


def test_a_qos_2_exchange_ends_with_its_last_packet() -> None:
    out, _ = live()
    out.deliver(message(1, 2), 2)
    out.completed(1)
    assert out.in_flight == 1
    assert out.received(1)
    out.completed(1)
    assert out.in_flight == 0
    assert not out.received(1)


def test_a_qos_2_message_that_is_refused_is_done_with() -> None:
    out, line = live(inflight=1)
    out.deliver(message(1, 2), 2)
    out.deliver(message(2), 1)
    out.rejected(1)
    assert line.sent[1] == message(2).packet(1, 2)


def test_a_client_is_sent_no_more_than_it_takes_also_of_what_is_sent_again() -> None:
    out, line = live()
    for number in range(1, 5):
        out.deliver(message(number), 1)
    out.pause()
    out.deliver(message(5), 1)
    line.sent.clear()
    out.resume(line, most=2)
    assert [packet[-1:] for packet in line.sent] == [b"1", b"2"]
    for packet_id in range(1, 5):
        assert out.acknowledged(packet_id)
        assert out.in_flight <= 5 - packet_id
    assert [packet[-1:] for packet in line.sent] == [b"1", b"2", b"3", b"4", b"5"]


def test_what_a_client_does_not_take_counts_as_sent() -> None:
    out, line = live(inflight=1)
    out.resume(line, lambda message, qos, number: message.packet(qos, number) if len(message.payload) < 5 else b"")
    out.deliver(message(1, size=5), 1)
    out.deliver(message(2, size=5), 0)
    out.deliver(message(3), 1)
    assert [packet[-1:] for packet in line.sent] == [b"3"]
    assert out._counters.dropped == {"larger than the client takes": 2}


async def test_what_has_expired_while_it_waited_is_not_sent() -> None:
    clock = FakeClock()
    out = Outgoing(BrokerLimits(), Counters(), name="ann", clock=clock)
    for number, expiry in ((1, 5.0), (2, 50.0)):
        out.deliver(Message("t", b"%d" % number, qos=1, expires_at=clock.monotonic() + expiry), 1)
    await clock.advance(5)
    line = Line()
    out.resume(line)
    assert [packet[-1:] for packet in line.sent] == [b"2"]
    assert out._counters.dropped == {"expired": 1}


def test_acknowledgements_that_nobody_waits_for_change_nothing() -> None:
    out, _ = live()
    out.deliver(message(1, 2), 2)
    for packet_id in (1, 7):
        out.acknowledged(packet_id)
    out.completed(7)
    assert out.in_flight == 1


def test_the_packet_id_after_the_last_is_the_first_that_is_free() -> None:
    out, line = live()
    out._last_id = 65_535
    out.deliver(message(1), 1)
    out._last_id = 65_535
    out.deliver(message(2), 1)
    assert line.sent == [message(1).packet(1, 1), message(2).packet(1, 2)]


def test_a_client_that_goes_leaves_no_qos_0_messages_waiting() -> None:
    out, line = live()
    line.writable = False
    out.deliver(message(1, 0), 0)
    out.deliver(message(2), 1)
    out.pause()
    assert out.waiting == 1
    assert out._counters.dropped["client gone"] == 1


def test_a_full_queue_gives_up_the_oldest_and_qos_0_first() -> None:
    waiting = Waiting(3, 10_000)
    assert [waiting.push(message(number, qos), qos) for number, qos in ((1, 1), (2, 0), (3, 0))] == [0, 0, 0]
    assert waiting.push(message(4), 1) == 1
    assert waiting.push(message(5, 0), 0) == 1
    assert [int(waiting.pop()[0].payload) for _ in range(3)] == [1, 4, 5]


def test_a_queue_of_messages_that_must_not_be_lost_gives_up_the_oldest_of_them() -> None:
    waiting = Waiting(2, 10_000)
    assert [waiting.push(message(number), 1) for number in (1, 2, 3)] == [0, 0, 1]
    assert [int(waiting.pop()[0].payload) for _ in range(2)] == [2, 3]


def test_a_queue_is_bounded_in_bytes_too() -> None:
    waiting = Waiting(1000, 1000)
    assert waiting.push(message(1, size=500), 1) == 0
    assert waiting.push(message(2, size=500), 1) == 1
    assert waiting.push(message(3, size=2000), 1) == 2
    assert len(waiting) == 0


def test_drops_are_counted_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    out = outgoing(queue_messages=1)
    for number in range(4):
        out.deliver(message(number), 1)
    assert out._counters.dropped == {"queue full": 3}
    assert caplog.messages == ["client does not keep up, its oldest messages are dropped client=ann"]


def test_a_full_queue_gives_up_a_state_last() -> None:
    waiting = Waiting(3, 10_000)
    will = message(1)
    will.is_state = True
    for each, qos in ((will, 1), (message(2), 1), (message(3), 1), (message(4), 1), (message(5), 1)):
        waiting.push(each, qos)
    assert [waiting.pop()[0].payload for _ in range(len(waiting))] == [b"1", b"4", b"5"]


def test_births_and_deaths_go_before_everything_else_that_waits() -> None:
    out, line = live(inflight=1)
    for number in range(1, 5):
        out.deliver(message(number), 1)
    death = Message("rigwatch/v1/main/rig1/status", b"lost", qos=1)
    out.deliver(death, 1)
    for packet_id in range(1, 6):
        out.acknowledged(packet_id)
    assert [packet[-1:] for packet in line.sent] == [b"1", b"t", b"2", b"3", b"4"]


def test_births_and_deaths_keep_their_order_and_are_given_up_last() -> None:
    waiting = Waiting(3, 10_000)
    for text in (b"1", b"2", b"3"):
        waiting.push(Message("rigwatch/v1/main/rig1/status", text, qos=1), 1)
    will = message(4)
    will.is_state = True
    waiting.push(will, 1)
    assert [waiting.pop()[0].payload for _ in range(len(waiting))] == [b"1", b"2", b"3"]


def test_the_window_is_bounded_in_bytes_too() -> None:
    out, line = live()
    for number in range(5):
        out.deliver(message(number, size=WINDOW_BYTES // 2), 1)
    assert len(line.sent) == 1
    out.acknowledged(1)
    assert len(line.sent) == 2
    out.deliver(Message("t", bytes(3 * WINDOW_BYTES), qos=1), 1)
    for packet_id in range(2, 6):
        out.acknowledged(packet_id)
    assert len(line.sent) == 6


def test_clients_of_one_account_share_what_may_wait_for_it() -> None:
    room = Room()
    waiting = [Waiting(1000, 10_000, room) for _ in range(10)]
    for each in waiting:
        for number in range(100):
            each.push(message(number, size=500), 1)
    assert room.used <= 10_000
    for each in waiting:
        each.drop_all()
    assert room.used == 0


def test_properties_that_wait_are_counted_in_bytes() -> None:
    out = outgoing(queue_bytes=100_000)
    for _ in range(10):
        out.deliver(Message("t", b"x", qos=1, properties=bytes(30_000)), 1)
    assert out.waiting == 3
