"""What may come at the broker in MQTT 5: at its readers, and at a broker before and after a login."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from broker.connect import read_connect
from broker.frames import Violation
from broker.packets5 import (
    read_acknowledgement,
    read_disconnect,
    read_subscribe5,
    read_unsubscribe5,
    split_publish5,
)
from broker.rights import Role
from tests.fuzz.broker import Throw, thrown_at
from tests.fuzz.target import Take, Target
from tests.integration.broker.peer import Login, binary, packet, text
from tests.integration.broker.peer5 import Peer5
from tests.integration.broker.running import House

Said = tuple[list[bytes], list[bytes]]
Read = tuple[int, int, bytes]

_READERS: Final[tuple[Callable[[int, bytes], object], ...]] = (
    lambda _, body: read_connect(body),
    split_publish5,
    lambda first, body: read_acknowledgement(body, is_release=bool(first & 1)),
    lambda _, body: read_subscribe5(body, 8),
    lambda _, body: read_unsubscribe5(body, 8),
    lambda _, body: read_disconnect(body),
)

_topics = st.one_of(
    st.sampled_from(["t", "t/+", "#", "$SYS/x", "$share/g/t", "$share/g", "", "/", "t\0", "denied/x"]),
    st.text(max_size=20),
)
_bytes = st.binary(max_size=30)
_one = st.one_of(
    st.binary(max_size=6),
    st.builds(lambda which, value: bytes([which]) + value, st.integers(0, 45), st.binary(max_size=5)),
    st.builds(lambda which, value: bytes([which]) + text(value), st.sampled_from([3, 8, 18, 21, 31]), _topics),
    st.builds(
        lambda which, value: bytes([which]) + value.to_bytes(4), st.sampled_from([2, 17, 24, 39]), st.integers(0, 9)
    ),
    st.builds(
        lambda which, value: bytes([which]) + value.to_bytes(2), st.sampled_from([33, 34, 35]), st.integers(0, 40)
    ),
    st.builds(lambda key, value: b"\x26" + text(key) + binary(value), st.text(max_size=5), _bytes),
)


def _with_length(properties: list[bytes], wrong: int) -> bytes:
    joined = b"".join(properties)
    return packet(0, joined[: max(0, len(joined) - wrong)])[1:] + (joined[-wrong:] if wrong else b"")


_properties = st.builds(_with_length, st.lists(_one, max_size=4), st.sampled_from([0, 0, 0, 1]))
_publishes = st.builds(
    lambda topic, qos, number, properties, payload: packet(
        0x30 | qos << 1, text(topic) + (number.to_bytes(2) if qos else b"") + properties + payload
    ),
    _topics, st.integers(0, 3), st.integers(0, 3), _properties, _bytes,
)  # fmt: skip
_packets = st.one_of(
    st.binary(max_size=40),
    st.builds(packet, st.integers(0, 255), _bytes),
    _publishes,
    st.builds(
        lambda first, number, rest: packet(first, number.to_bytes(2) + rest),
        st.sampled_from([0x40, 0x50, 0x62, 0x70, 0x82, 0xA2]), st.integers(0, 3), _bytes,
    ),
    st.builds(
        lambda properties, topic, options: packet(0x82, b"\0\1" + properties + text(topic) + bytes([options])),
        _properties, _topics, st.integers(0, 255),
    ),
    st.builds(lambda reason, properties: packet(0xE0, bytes([reason]) + properties), st.integers(0, 255), _properties),
    st.sampled_from([b"\xc0\x00", b"\xe0\x00", b"\xf0\x00"]),
)  # fmt: skip
_connects = st.one_of(
    st.binary(max_size=60),
    st.builds(
        lambda flags, properties, fields: packet(
            0x10, text("MQTT") + bytes([5, flags, 0, 0]) + properties + b"".join(map(binary, fields))
        ),
        st.integers(0, 255), _properties, st.lists(_bytes, max_size=6),
    ),
)  # fmt: skip


@contextmanager
def _readers() -> Iterator[Take]:
    def take(read: Read) -> None:
        which, first, body = read
        with suppress(Violation):
            _READERS[which](first, body)

    yield take


def _bodies() -> SearchStrategy[bytes]:
    """Of packets that are near right: without their first byte and length."""
    return st.one_of(_bytes, _connects, _packets).map(lambda whole: whole[2:])


async def _throw(house: House, login: Login, said: Said) -> None:
    """At the door and after a login; and then a look whether others are served."""
    strangers, clients = said
    async with await Peer5.open(house.port) as stranger, await Peer5.join(house.port, login) as client:
        assert client.connack.reason_code == 0
        for peer, data in ((stranger, strangers), (client, clients)):
            peer.send(b"".join(data))
            await peer.finish()
    async with await Peer5.join(house.port, house.node()) as node:
        assert await node.receive_all() == []


def _throw_at(house: House) -> Throw:
    return partial(_throw, house, house.account("ann", Role.ADMIN, deny=("denied/#",)))


TARGETS = (
    Target("mqtt5 reader", st.tuples(st.integers(0, len(_READERS) - 1), st.integers(0x30, 0x3F), _bodies()), _readers),
    Target(
        "mqtt5 broker",
        st.tuples(st.lists(_connects, max_size=4), st.lists(_packets, max_size=8)),
        partial(thrown_at, _throw_at),
    ),
)
