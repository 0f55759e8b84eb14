"""What it costs to send a message to many, each in its own form."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

import pytest

from broker.counters import Counters
from broker.delivery import Delivery
from broker.message import Message
from broker.outgoing import Outgoing
from broker.retained import RetainedStore
from broker.rights import Account, Action, Role, allowed
from broker.session import ClientSession
from broker.subscription import Subscription
from rigwatch.settings.server import BrokerLimits

LIMITS = BrokerLimits()


class Sink:
    """A connection that keeps up and remembers nothing."""

    writable = True

    def send(self, packet: bytes) -> None: ...


def reader(role: Role = Role.ADMIN) -> ClientSession:
    outgoing = Outgoing(LIMITS, Counters(), name="ann")
    outgoing.resume(Sink(), lambda message, qos, packet_id: message.packet5(qos, packet_id))
    return ClientSession("ann", Account("ann", role), expiry=0, outgoing=outgoing)


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """Bytes that are held afterwards and were not before."""
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        yield
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert after - before <= size


def test_ever_new_identifiers_leave_nothing_with_what_is_kept() -> None:
    delivery, session = Delivery(RetainedStore({}, LIMITS, Counters())), reader()
    for number in range(100):
        delivery.publish(Message(f"t/{number}", b"x", qos=0), retain=True)
    with at_most(20_000):
        for number in range(1, 50):
            delivery.route("t/+", session, Subscription(0, ids=(number,)))
            for _ in delivery.send_kept(session, "t/+"):
                pass


def test_one_message_is_not_remembered_in_every_form_it_was_sent_in() -> None:
    delivery, session = Delivery(RetainedStore({}, LIMITS, Counters())), reader()
    message = Message("t", b"x", qos=0, properties=bytes(10_000))
    with at_most(150_000):
        for number in range(1, 50):
            delivery.route("t", session, Subscription(0, ids=(number,)))
            delivery.publish(message, retain=False)


def test_rights_are_judged_once_a_topic_and_not_with_each_message(monkeypatch: pytest.MonkeyPatch) -> None:
    judged = []

    def judge(account: Account, action: Action, topic: str) -> bool:
        judged.append(topic)
        return allowed(account, action, topic)

    monkeypatch.setattr("broker.delivery.allowed", judge)
    delivery, session = Delivery(RetainedStore({}, LIMITS, Counters())), reader(Role.CONSUMER)
    for topic_filter in ("#", "rigwatch/#"):
        delivery.route(topic_filter, session, Subscription(1, is_judged=True))
    topics = ["rigwatch/v1/main/rig1/state", "rigwatch/v1/main/rig1/report"]
    for topic in topics * 10:
        delivery.publish(Message(topic, b"x", qos=1), retain=False)
    assert (judged, session.outgoing.in_flight) == (topics, 10)


class Unsearched(dict[str, Subscription]):
    def items(self) -> NoReturn:
        raise AssertionError("searched")


def test_a_message_of_its_own_costs_no_search_through_its_clients_subscriptions() -> None:
    delivery, session = Delivery(RetainedStore({}, LIMITS, Counters())), reader()
    session.subscriptions = Unsearched()
    delivery.route("t/#", session, Subscription(2, no_local=True, ids=(1,)))
    delivery.route("t/+", session, Subscription(1, ids=(2,)))
    sent: list[tuple[int, bytes]] = []

    def note(message: Message, qos: int, packet_id: int) -> bytes:
        sent.append((qos, message.properties))
        return message.packet5(qos, packet_id)

    session.outgoing.resume(Sink(), note)
    for source in (session, None):
        delivery.publish(Message("t/1", b"x", qos=2), retain=False, source=source)
    assert sent == [(1, b"\x0b\x02"), (2, b"\x0b\x01\x0b\x02")]
