"""What may come at the broker's WebSocket port: before the handshake, after it, and after the login."""

import asyncio
from functools import partial

from hypothesis import strategies as st

from tests.fuzz.broker import Throw, thrown_at
from tests.fuzz.target import Target
from tests.integration.broker import peer
from tests.integration.broker.line import BINARY, CLOSE, CONT, PING, REQUEST, Line, frame, opened
from tests.integration.broker.running import House

Said = tuple[list[bytes], list[bytes], list[bytes]]

_KINDS = st.one_of(st.sampled_from([BINARY, CONT, PING, CLOSE]), st.integers(0, 15))
_FRAMES = st.one_of(
    st.builds(
        lambda kind, data, fin, reserved, masked: frame(kind, data, fin=fin, reserved=reserved, masked=masked),
        _KINDS,
        st.binary(max_size=200),
        st.booleans(),
        st.sampled_from([0, 0, 0, 0x40, 0x20, 0x10]),
        st.sampled_from([True, True, True, False]),
    ),
    st.binary(max_size=40),
)
_NAMES = st.one_of(
    st.sampled_from(["Host", "Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Protocol", "Origin"]),
    st.text(max_size=10),
)
_VALUES = st.one_of(st.binary(max_size=40), st.sampled_from([b"websocket", b"Upgrade", b"mqtt", b"13", b""]))
_HEADERS = st.builds(lambda name, value: name.encode() + b": " + value + b"\r\n", _NAMES, _VALUES)


def _request(path: bytes, headers: list[bytes]) -> bytes:
    return b"GET " + path + b" HTTP/1.1\r\n" + b"".join(headers) + b"\r\n"


def _changed(at: int, byte: bytes) -> bytes:
    return REQUEST[:at] + byte + REQUEST[at + 1 :] + b"\r\n"


_REQUESTS = st.one_of(
    st.binary(max_size=100),
    st.builds(lambda more: REQUEST + b"".join(more) + b"\r\n", st.lists(_HEADERS, max_size=4)),
    st.builds(_request, st.binary(max_size=20), st.lists(_HEADERS, max_size=8)),
    st.builds(_changed, st.integers(0, len(REQUEST) - 1), st.binary(min_size=1, max_size=1)),
)


async def _throw(house: House, said: Said) -> None:
    """At the door, after the handshake and after the login; and then a look whether others are served."""
    strangers, visitors, clients = said
    async with opened(house) as stranger, opened(house) as visitor, opened(house) as client:
        stranger.writer.write(b"".join(strangers))
        await visitor.upgrade()
        visitor.writer.write(b"".join(visitors))
        await client.login(house)
        client.writer.write(b"".join(clients))
        async with opened(house) as other:
            await _is_served(house, other)


async def _is_served(house: House, line: Line) -> None:
    await line.upgrade()
    line.writer.write(frame(BINARY, peer.connect(house.node()) + b"\xc0\x00"))
    assert await asyncio.wait_for(line.reader.readexactly(8), 5) == b"\x82\x06\x20\x02\x00\x00\xd0\x00"


def _throw_at(house: House) -> Throw:
    return partial(_throw, house)


TARGETS = (
    Target(
        "websocket",
        st.tuples(
            st.lists(st.one_of(_REQUESTS, _FRAMES), max_size=4),
            st.lists(_FRAMES, max_size=6),
            st.lists(_FRAMES, max_size=8),
        ),
        partial(thrown_at, _throw_at, websocket=True),
    ),
)
