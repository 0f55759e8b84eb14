"""What the broker reads and writes in MQTT 5, against the library `mqtt5`, which was written by others."""

from typing import Any

import mqtt5
import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.connect import ConnectOptions, Will, read_connect
from broker.encoding5 import Encoder, connack5, disconnect5, suback5, unsuback5
from broker.frames import FrameReader, Violation
from broker.message import Message
from broker.packets5 import read_acknowledgement, read_subscribe5, read_unsubscribe5, split_publish5
from broker.properties import Property
from broker.reasons import Reason

QOS = (mqtt5.QoS.AT_MOST_ONCE, mqtt5.QoS.AT_LEAST_ONCE, mqtt5.QoS.EXACTLY_ONCE)

texts = st.text(max_size=200).filter(lambda text: "\0" not in text and len(text.encode()) < 65_536)
names = texts.filter(lambda text: not {"+", "#"} & set(text))
travelling = st.fixed_dictionaries(
    {},
    optional={
        "payload_format_indicator": st.integers(0, 1),
        "content_type": texts,
        "response_topic": names,
        "correlation_data": st.binary(max_size=200),
        "user_properties": st.lists(st.tuples(texts, texts), max_size=20),
    },
)


def framed(data: bytes) -> tuple[int, bytes]:
    reader = FrameReader(1_000_000)
    reader.feed(data)
    frame = reader.next()
    assert frame is not None
    assert not reader.has_partial
    return frame


def read(data: bytes) -> Any:  # noqa: ANN401 - any packet
    found, size = mqtt5.read(memoryview(data))
    assert size == len(data)
    return found


@given(names.filter(bool), st.binary(max_size=300), st.integers(0, 2), travelling)
def test_a_message_goes_through_unaltered(topic: str, payload: bytes, qos: int, more: dict[str, Any]) -> None:
    number = 258 if qos else None
    sent = mqtt5.PublishPacket(topic, payload, qos=QOS[qos], packet_id=number, **more)
    raw, packet_id, properties, body = split_publish5(*framed(sent.write()))
    assert (raw.decode(), packet_id, body) == (topic, number or 0, payload)
    message = Message(topic, body, qos=qos, properties=properties.travelling)
    assert read(message.packet5(qos, packet_id)) == sent
    numbered = read(message.granted(retain=True, ids=(1, 300)).packet5(qos, packet_id))
    assert (numbered.retain, numbered.subscription_ids, numbered.user_properties) == (
        True,
        [1, 300],
        sent.user_properties,
    )


def test_what_is_left_of_a_messages_time_is_rounded_up_and_never_negative() -> None:
    message = Message("t", b"x", qos=1, expires_at=100.0)
    left = [read(message.packet5(1, 1, now)).message_expiry_interval for now in (0.0, 99.5, 100.0, 500.0)]
    assert left == [100, 1, 0, 0]
    assert [message.is_expired(now) for now in (99.9, 100.0)] == [False, True]


def test_an_alias_counts_once_the_client_was_sent_it() -> None:
    encoder = Encoder(lambda: 0.0, packet_maximum=50, alias_maximum=1)
    large, small = Message("topic", bytes(60), qos=0), Message("topic", b"x", qos=0, expires_at=9.0)
    assert encoder.publish(large, 0, 0) == b""
    first, second = (read(encoder.publish(small, 0, 0)) for _ in range(2))
    assert (first.topic, first.topic_alias, second.topic, second.topic_alias) == ("topic", 1, "", 1)
    assert second.message_expiry_interval == 9
    assert read(encoder.publish(Message("other", b"x", qos=0), 0, 0)).topic_alias is None


@given(
    client_id=texts,
    clean=st.booleans(),
    user=st.one_of(st.none(), texts),
    password=st.one_of(st.none(), st.binary(max_size=50)),
    more=travelling,
)
def test_it_reads_what_a_connect_says(
    *, client_id: str, clean: bool, user: str | None, password: bytes | None, more: dict[str, Any]
) -> None:
    will = mqtt5.Will(
        "t", payload=b"x", qos=QOS[1], retain=True, will_delay_interval=7, message_expiry_interval=9, **more
    )
    sent = mqtt5.ConnectPacket(
        client_id,
        username=user,
        password=password,
        clean_start=clean,
        will=will,
        keep_alive=10,
        session_expiry_interval=0xFFFF_FFFF,
        receive_max=5,
        topic_alias_max=3,
        max_packet_size=100,
        user_properties=[("a", "b")],
    )
    found = read_connect(framed(sent.write())[1])
    assert (found.client_id, found.clean_session, found.user, found.password) == (client_id, clean, user, password)
    assert found.options == ConnectOptions(0xFFFF_FFFF, receive_maximum=5, packet_maximum=100, alias_maximum=3)
    assert found.will is not None
    assert found.will == Will("t", b"x", 1, True, found.will.properties, delay=7, expiry=9)
    again = read(Message("t", b"x", qos=0, properties=found.will.properties).packet5(0, 0))
    assert again.user_properties == will.user_properties
    assert (again.content_type, again.correlation_data) == (will.content_type, will.correlation_data)


def test_it_reads_subscriptions_with_their_options() -> None:
    wanted = [
        mqtt5.TopicFilter("a/+", max_qos=QOS[1], no_local=True, retain_as_published=False),
        mqtt5.TopicFilter("$share/g/#", retain_handling=mqtt5.RetainHandling.SEND_NEVER),
    ]
    packet_id, (one, other) = read_subscribe5(
        framed(mqtt5.SubscribePacket(7, wanted, subscription_id=268_435_455).write())[1], 8
    )
    assert packet_id == 7
    assert (one.topic_filter, one.options.qos, one.options.no_local, one.options.as_published) == (
        "a/+",
        1,
        True,
        False,
    )
    assert (other.topic_filter, other.options.qos, other.retain_handling) == ("$share/g/#", 2, 2)
    assert one.options.ids == other.options.ids == (268_435_455,)
    assert read_unsubscribe5(framed(mqtt5.UnsubscribePacket(8, ["a", "b"]).write())[1], 8) == (8, ["a", "b"])


def test_it_reads_acknowledgements_with_and_without_a_reason() -> None:
    refused = mqtt5.PubAckPacket(
        1, reason_code=mqtt5.PubAckReasonCode.QUOTA_EXCEEDED, reason_str="full", user_properties=[("a", "b")]
    )
    assert read_acknowledgement(framed(refused.write())[1]) == (1, 0x97)
    assert read_acknowledgement(b"\0\1") == (1, 0)
    assert read_acknowledgement(b"\0\1\0") == (1, 0)
    for wrong in (b"", b"\0", b"\0\0", b"\0\1\x42", b"\0\1\0\1", b"\0\1\0\0x"):
        with pytest.raises(Violation):
            read_acknowledgement(wrong)


def test_what_the_broker_answers_is_read_by_others() -> None:
    told: list[tuple[Property, int | str]] = [
        (Property.RECEIVE_MAXIMUM, 5),
        (Property.ASSIGNED_CLIENT_ID, "auto"),
        (Property.SESSION_EXPIRY, 60),
    ]
    connack = read(connack5(Reason.SUCCESS, session_present=True, properties=told))
    assert (connack.session_present, connack.receive_max, connack.assigned_client_id) == (True, 5, "auto")
    assert read(connack5(Reason.WRONG_LOGIN, session_present=True)).session_present is False
    assert read(suback5(7, [1, 0x87])).reason_codes == [1, 0x87]
    assert read(unsuback5(7, [0, 0x11])).reason_codes == [0, 0x11]
    farewell = read(disconnect5(Reason.TAKEN_OVER, "taken over"))
    assert (farewell.reason_code, farewell.reason_str) == (0x8E, "taken over")
