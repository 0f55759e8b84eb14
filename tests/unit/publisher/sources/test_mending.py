import gzip
import math
import zlib
from typing import Any

import pytest

from publisher.sources.mending import CutShortError, JsonEnd, NotJsonError, loads, unpacked


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (b'{"a":1}\0', {"a": 1}),
        (b'{"a":1}\n{"b":2}', {"a": 1}),
        (b'{"a":1} and more', {"a": 1}),
        (b'\xef\xbb\xbf{"a":1}', {"a": 1}),
        ('\ufeff{"a":1}'.encode("utf-16-le"), {"a": 1}),
        (b'{"a":"\xff\xb5"}', {"a": "ÿµ"}),
        (b'{"a":1,}', {"a": 1}),
        (b'{"a":[1,2,],}', {"a": [1, 2]}),
        (b'{"a":[{"x":1}{"x":2}]}', {"a": [{"x": 1}, {"x": 2}]}),
        (b'{"a":1 "b":2}', {"a": 1, "b": 2}),
        (b'{"a":1;"b":2}', {"a": 1, "b": 2}),
        (b'{"a":"Tue Jun 16\n"}', {"a": "Tue Jun 16\n"}),
        (b'{"a":"C:\\miner\\x","b":1}', {"a": "C:\\miner\\x", "b": 1}),
        (b'{"a":"\x1b[2J"}', {"a": "\x1b[2J"}),
        (b'{"a":004}', {"a": "004"}),
        (b'{"a":+5,"b":.5,"c":5.,"d":-0.5e3}', {"a": 5, "b": 0.5, "c": 5.0, "d": -500.0}),
        (b'{"a":,"b":}', {"a": None, "b": None}),
        (b"{'a':'b',c:None,d:True,e:undefined}", {"a": "b", "c": None, "d": True, "e": None}),
        (b'{"a":n/a}', {"a": "n/a"}),
        (b'{"a":61.2MH/s}', {"a": "61.2MH/s"}),
        (b'{"a":1,"a":2,}', {"a": 1}),
        (b'{"a":"\\ud83d\\ude00\\ud800",}', {"a": "😀\ufffd"}),
        (b'\0\0\0\x10{"a":1}', {"a": 1}),
        (b"> {}", {}),
    ],
)
def test_the_known_defects_are_mended(raw: bytes, value: object) -> None:
    assert loads(raw) == value


@pytest.mark.parametrize("word", [b"nan", b"NaN", b"-nan", b"-nan(ind)", b"1.#IND", b"-1.#QNAN00"])
def test_what_is_not_a_number_is_read_as_that(word: bytes) -> None:
    assert math.isnan(loads(b'{"a":%s,"b":1}' % word)["a"])


@pytest.mark.parametrize(
    ("word", "value"), [(b"inf", math.inf), (b"-Infinity", -math.inf), (b"1.#INF", math.inf), (b"1e999", math.inf)]
)
def test_infinity_is_read_as_that(word: bytes, value: float) -> None:
    assert loads(b'{"a":%s,"b":1}' % word) == {"a": value, "b": 1}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"7",
        b'"text"',
        b"<html>{}</html>",
        b"SSH-2.0-OpenSSH",
        b"HTTP/1.1 400 Bad Request\r\n\r\n{}",
        b"{:1}",
        b'{"a" 1}',
        b"[}",
        b"[" * 100_000,
        b'{"a":' * 1000,
    ],
)
def test_what_is_not_json_is_told(raw: bytes) -> None:
    with pytest.raises(NotJsonError):
        loads(raw)


@pytest.mark.parametrize("raw", [b"{", b'{"a', b'{"a":', b'{"a":1', b'{"a":[1,', b'{"a":"b\\', b'{"a":{"b":1},'])
def test_what_ends_in_its_middle_is_cut_short(raw: bytes) -> None:
    with pytest.raises(CutShortError):
        loads(raw)


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (gzip.compress(b'{"a":1}', mtime=0), "gzip"),
        (gzip.compress(b'{"a":1}', mtime=0), ""),
        (zlib.compress(b'{"a":1}'), "deflate"),
        (zlib.compress(b'{"a":1}', wbits=-15), "Deflate "),
        (b'{"a":1}', "gzip"),
    ],
)
def test_what_is_compressed_is_unpacked(raw: bytes, encoding: str) -> None:
    assert unpacked(raw, encoding) == b'{"a":1}'
    if not encoding:
        assert loads(raw) == {"a": 1}


def test_a_bomb_is_cut() -> None:
    assert len(unpacked(gzip.compress(bytes(50_000_000)))) < 10_000_000


def test_what_is_compressed_and_damaged_is_told() -> None:
    with pytest.raises(NotJsonError, match="compressed and damaged"):
        unpacked(b"\x1f\x8b" + bytes(40))


@pytest.mark.parametrize(
    ("pieces", "ended"),
    [
        ([b'{"a":1}'], True),
        ([b'{"a":', b"1", b"}"], True),
        ([b'[{"a":"}]"}', b"]"], True),
        ([b'{"a":"\\"}', b'"}'], True),
        ([b'{"a":"}'], False),
        ([b'{"a":{}'], False),
        ([b"HTTP/1.1 {}"], False),
        ([b"STATUS=S|{}"], False),
        ([b""], False),
    ],
)
def test_an_answer_ends_where_its_json_ends(pieces: list[bytes], ended: bool) -> None:  # noqa: FBT001 - a table's
    tail = JsonEnd()
    told: list[Any] = [tail.ended(piece) for piece in pieces]
    assert told == [False] * (len(pieces) - 1) + [ended]
