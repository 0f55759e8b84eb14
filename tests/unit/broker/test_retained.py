"""What is kept for those who subscribe later: bounded in number and bytes, for all and for each node."""

from broker.counters import Counters
from broker.message import Message
from broker.outgoing import Outgoing
from broker.retained import NODE_BYTES, RetainedStore
from broker.rights import Account, Role
from broker.session import ClientSession
from rigwatch.settings.server import BrokerLimits
from rigwatch.topics import NodeId

LIMITS = BrokerLimits(retained=100, retained_bytes=1024 * 1024)


def store() -> tuple[RetainedStore, Counters]:
    counters = Counters()
    return RetainedStore({}, LIMITS, counters), counters


def session(name: str) -> ClientSession:
    account = Account(name, Role.NODE, NodeId.parse(name)) if "/" in name else Account(name, Role.ADMIN)
    return ClientSession(name, account, expiry=0, outgoing=Outgoing(LIMITS, Counters(), name=name))


def test_kept_messages_are_bounded_in_bytes() -> None:
    kept, counters = store()
    for number in range(40):
        kept.keep(Message(f"t/{number}", bytes(100_000), qos=1), session("ann"))
    assert counters.retained == 10
    assert counters.dropped == {"retained store full": 30}


def test_one_node_cannot_fill_what_all_may_keep() -> None:
    kept, counters = store()
    for topic in ("rigwatch/v1/main/rig1/status", "rigwatch/v1/main/rig1/report"):
        kept.keep(Message(topic, bytes(NODE_BYTES - 200), qos=1), session("main/rig1"))
    assert counters.retained == 1
    kept.keep(Message("rigwatch/v1/main/rig2/status", bytes(1000), qos=1), session("main/rig2"))
    assert counters.retained == 2


def test_what_is_not_kept_does_not_leave_what_was_said_before() -> None:
    kept, counters = store()
    topic = "rigwatch/v1/main/rig1/status"
    kept.keep(Message(topic, b"online", qos=1), session("main/rig1"))
    kept.keep(Message(topic, bytes(NODE_BYTES), qos=1), session("main/rig1"))
    assert list(kept.under(topic)) == []
    assert counters.retained == 0


def test_what_is_cleared_makes_room_again() -> None:
    kept, counters = store()
    for _ in range(5):
        for number in range(10):
            kept.keep(Message(f"t/{number}", bytes(100_000), qos=1), session("ann"))
        for number in range(10):
            kept.keep(Message(f"t/{number}", b"", qos=1), session("ann"))
    assert (counters.retained, kept._bytes, kept._bytes_of, counters.dropped) == (0, 0, {}, {})


def test_a_message_that_changes_between_two_looks_is_given_as_it_is_now() -> None:
    kept, _ = store()
    for number in range(3):
        kept.keep(Message(f"t/{number}", b"old", qos=1), session("ann"))
    looks = kept.under("t/+")
    assert next(looks).payload == b"old"  # type: ignore[union-attr]
    kept.keep(Message("t/2", b"new", qos=1), session("ann"))
    kept.keep(Message("t/1", b"", qos=1), session("ann"))
    assert [each and each.payload for each in looks] == [None, b"new"]


def test_what_has_expired_makes_room() -> None:
    kept, counters = store()
    for number, expires_at in enumerate((10.0, 20.0, None)):
        kept.keep(Message(f"t/{number}", bytes(300_000), qos=1, expires_at=expires_at), session("ann"))
    readings = []
    for now in (9.9, 10.0, 20.0):
        kept.expire(now)
        readings.append(counters.retained)
    assert readings == [3, 2, 1]
    assert kept.keep(Message("t/new", bytes(600_000), qos=1), session("ann"))


def test_properties_take_room_like_the_rest() -> None:
    kept, counters = store()
    for number in range(40):
        kept.keep(Message(f"t/{number}", b"x", qos=1, properties=bytes(100_000)), session("ann"))
    assert (counters.retained, counters.dropped) == (10, {"retained store full": 30})
