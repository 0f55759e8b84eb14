import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.frames import Frame, FrameReader, Violation
from rigwatch.varint import varint

bodies = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=400)), max_size=8)


def encode(frames: list[tuple[int, bytes]]) -> bytes:
    return b"".join(bytes([first]) + varint(len(body)) + body for first, body in frames)


def read(reader: FrameReader, data: bytes, cuts: list[int]) -> list[Frame]:
    """What comes out when the data comes in pieces that end at the cuts."""
    found: list[Frame] = []
    edges = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    for begin, end in itertools.pairwise(edges):
        if begin == end:
            continue
        reader.feed(data[begin:end])
        while (frame := reader.next()) is not None:
            found.append(frame)
    return found


@given(bodies, st.lists(st.integers(0, 10_000), max_size=40))
def test_frames_are_the_same_however_the_stream_is_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    reader = FrameReader(1000)
    assert read(reader, encode(frames), cuts) == frames
    assert not reader.has_partial


def test_frames_that_nobody_asked_for_yet_stay_in_front_of_what_comes() -> None:
    reader = FrameReader(1000)
    reader.feed(encode([(1, b"a"), (2, b"b")]))
    assert reader.next() == (1, b"a")
    reader.feed(encode([(3, b"c")]))
    assert [reader.next(), reader.next(), reader.next()] == [(2, b"b"), (3, b"c"), None]


@pytest.mark.parametrize("size", [0, 1, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152])
def test_it_reads_every_width_of_length(size: int) -> None:
    reader = FrameReader(size)
    reader.feed(encode([(0x30, bytes(size))]))
    assert reader.next() == (0x30, bytes(size))


def test_it_refuses_a_frame_over_the_limit_at_its_header() -> None:
    reader = FrameReader(1000)
    reader.feed(b"\x30" + varint(1001))
    with pytest.raises(Violation, match="1001 bytes, 1000"):
        reader.next()


def test_it_refuses_a_length_of_more_than_four_bytes() -> None:
    reader = FrameReader(1000)
    reader.feed(b"\x10\x80\x80\x80\x80")
    with pytest.raises(Violation):
        reader.next()


def test_the_frames_before_a_broken_one_are_whole() -> None:
    reader = FrameReader(10)
    reader.feed(encode([(1, b"a")]) + b"\x30\xff\xff\xff\xff")
    assert reader.next() == (1, b"a")
    with pytest.raises(Violation):
        reader.next()


def test_a_large_frame_byte_by_byte_is_not_copied_each_time() -> None:
    reader = FrameReader(20_000)
    data = encode([(0x30, bytes(10_000))])
    reader.feed(data[:10])
    assert reader.next() is None
    held = reader._held
    for at in range(10, len(data) - 1):
        reader.feed(data[at : at + 1])
        assert reader.next() is None
        assert reader._held is held
    reader.feed(data[-1:])
    assert reader.next() == (0x30, bytes(10_000))


def test_it_tells_when_it_waits_for_the_rest() -> None:
    reader = FrameReader(10)
    told = [reader.has_partial]
    for byte in (b"\x30", b"\x00"):
        reader.feed(byte)
        reader.next()
        told.append(reader.has_partial)
    assert told == [False, True, False]
