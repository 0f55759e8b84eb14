from collections.abc import Callable

import pytest

from broker.connect import Connect, UnknownProtocol, Will, read_connect
from broker.encoding import connack, puback, pubcomp, publish_head, pubrec, pubrel, suback, unsuback
from broker.frames import Violation
from broker.message import Message, again
from broker.packets import (
    MAX_FILTERS,
    read_packet_id,
    read_subscribe,
    read_topic,
    read_unsubscribe,
    split_publish,
)
from broker.reasons import Reason


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2) + data


def connect(flags: int, *fields: bytes, name: bytes = b"MQTT", level: int = 4) -> bytes:
    return text(name) + bytes([level, flags, 0, 10]) + b"".join(fields)


FULL = connect(0xEE, text("id"), text("t"), text(b"\xffgone"), text("ann"), text(b"\x00secret"))


def test_it_reads_all_fields_of_a_connect() -> None:
    will = Will("t", b"\xffgone", qos=1, retain=True)
    assert read_connect(FULL) == Connect("id", True, 10, "ann", b"\x00secret", will)


def test_it_reads_the_smallest_connect() -> None:
    assert read_connect(connect(0, text(""))) == Connect("", False, 10, None, None, None)


def test_a_connect_does_not_show_its_password() -> None:
    assert "secret" not in repr(read_connect(FULL))


@pytest.mark.parametrize("end", range(len(FULL)))
def test_it_refuses_every_beginning_of_a_connect(end: int) -> None:
    with pytest.raises(Violation):
        read_connect(FULL[:end])


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(FULL + b"x", id="something after the end"),
        pytest.param(connect(0x01, text("id")), id="reserved flag"),
        pytest.param(connect(0x20, text("id")), id="will retain without will"),
        pytest.param(connect(0x08, text("id")), id="will QoS without will"),
        pytest.param(connect(0x1C, text("id"), text("t"), text("x")), id="will QoS 3"),
        pytest.param(connect(0x40, text("id"), text("password")), id="password without user"),
        pytest.param(connect(0x04, text("id"), text(""), text("x")), id="will without topic"),
        pytest.param(connect(0x04, text("id"), text("a/+"), text("x")), id="will with wildcard"),
        pytest.param(connect(0, text(b"\xc3\x28")), id="broken UTF-8"),
        pytest.param(connect(0, text(b"\xed\xa0\x80")), id="surrogate"),
        pytest.param(connect(0, text("a\0b")), id="null character"),
        pytest.param(connect(0, text("id"), name=b"HTTP"), id="not MQTT"),
        pytest.param(b"", id="nothing"),
    ],
)
def test_it_refuses_a_wrong_connect(body: bytes) -> None:
    with pytest.raises(Violation):
        read_connect(body)


def test_mqtt_3_1_is_read_as_3_1_1() -> None:
    read = read_connect(connect(0x02, text("id"), name=b"MQIsdp", level=3))
    assert read == read_connect(connect(0x02, text("id")))


@pytest.mark.parametrize(("name", "level"), [(b"MQTT", 6), (b"MQTT", 3), (b"MQTT", 0x85), (b"MQIsdp", 4)])
def test_another_version_of_mqtt_is_told_apart(name: bytes, level: int) -> None:
    with pytest.raises(UnknownProtocol):
        read_connect(connect(0, text("id"), name=name, level=level))


def test_it_splits_a_publish() -> None:
    assert split_publish(0x30, text("a/b") + b"xyz") == (b"a/b", 0, b"xyz")
    assert split_publish(0x3B, text("a/b") + b"\x01\x02xyz") == (b"a/b", 258, b"xyz")
    assert split_publish(0x34, text("a/b") + b"\x00\x01") == (b"a/b", 1, b"")


@pytest.mark.parametrize(
    ("first", "body"),
    [
        pytest.param(0x36, text("a") + b"\x00\x01", id="QoS 3"),
        pytest.param(0x38, text("a"), id="repeated at QoS 0"),
        pytest.param(0x32, text("a") + b"\x00\x00", id="packet id 0"),
        pytest.param(0x32, text("a") + b"\x00", id="half a packet id"),
        pytest.param(0x32, text("a"), id="no packet id"),
        pytest.param(0x30, b"\x00\x05abc", id="topic ends too early"),
        pytest.param(0x30, b"\x00", id="half a length"),
        pytest.param(0x30, b"", id="nothing"),
    ],
)
def test_it_refuses_a_wrong_publish(first: int, body: bytes) -> None:
    with pytest.raises(Violation):
        split_publish(first, body)


@pytest.mark.parametrize("raw", [b"", b"a/+", b"#", b"a\0", b"\xff", b"/" * 200])
def test_it_refuses_a_wrong_topic(raw: bytes) -> None:
    with pytest.raises(Violation):
        read_topic(raw)


def test_it_reads_subscriptions() -> None:
    assert read_subscribe(b"\x00\x07" + text("a/+") + b"\x01" + text("#") + b"\x02") == (7, [("a/+", 1), ("#", 2)])
    assert read_unsubscribe(b"\x00\x08" + text("a/+") + text("#")) == (8, ["a/+", "#"])


@pytest.mark.parametrize(
    ("read", "body"),
    [
        pytest.param(read_subscribe, b"\x00\x01", id="subscribe to nothing"),
        pytest.param(read_subscribe, b"\x00\x00" + text("a") + b"\x00", id="packet id 0"),
        pytest.param(read_subscribe, b"\x00\x01" + text("a"), id="no QoS"),
        pytest.param(read_subscribe, b"\x00\x01" + text("a") + b"\x03", id="QoS 3"),
        pytest.param(read_subscribe, b"\x00\x01" + text(b"\xff") + b"\x00", id="broken UTF-8"),
        pytest.param(read_subscribe, b"\x00\x01" + (text("a") + b"\x00") * (MAX_FILTERS + 1), id="too many"),
        pytest.param(read_unsubscribe, b"\x00\x01", id="unsubscribe from nothing"),
        pytest.param(read_unsubscribe, b"\x00\x01" + text("a") * (MAX_FILTERS + 1), id="too many to end"),
        pytest.param(read_packet_id, b"\x01", id="short acknowledgement"),
        pytest.param(read_packet_id, b"\x00\x01\x00", id="long acknowledgement"),
    ],
)
def test_it_refuses_other_wrong_packets(read: Callable[[bytes], object], body: bytes) -> None:
    with pytest.raises(Violation):
        read(body)


def test_what_the_broker_sends_is_what_the_standard_says() -> None:
    assert connack(Reason.SUCCESS, session_present=True) == b"\x20\x02\x01\x00"
    assert connack(Reason.WRONG_LOGIN, session_present=True) == b"\x20\x02\x00\x04"
    assert puback(258) == b"\x40\x02\x01\x02"
    assert pubrec(1) == b"\x50\x02\x00\x01"
    assert pubrel(1) == b"\x62\x02\x00\x01"
    assert pubcomp(1) == b"\x70\x02\x00\x01"
    assert suback(1, [0, 0x80]) == b"\x90\x04\x00\x01\x00\x80"
    assert suback(1, bytes(200))[:3] == b"\x90\xca\x01"
    assert unsuback(1) == b"\xb0\x02\x00\x01"
    assert publish_head("a/b", 2, qos=1, retain=True) == b"\x33\x09\x00\x03a/b"


def test_a_message_is_encoded_for_every_way_it_can_leave() -> None:
    message = Message("a/b", b"xy", qos=2)
    assert message.packet(0, 0) == b"\x30\x07\x00\x03a/bxy"
    assert message.packet(1, 258) == b"\x32\x09\x00\x03a/b\x01\x02xy"
    assert message.packet(1, 259) == b"\x32\x09\x00\x03a/b\x01\x03xy"
    assert message.packet(2, 1) == b"\x34\x09\x00\x03a/b\x00\x01xy"
    assert again(message.packet(2, 1)) == b"\x3c\x09\x00\x03a/b\x00\x01xy"
    assert Message("a", b"", qos=0, retain=True).packet(0, 0) == b"\x31\x03\x00\x01a"
