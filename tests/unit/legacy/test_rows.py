import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy.rows import SOURCE, UNREACHED, LogRow, RowFault, convert, moment
from rigwatch.clock import Millis
from rigwatch.messages import Sample

NOW = 1_760_000_000_000
AT = 1_528_798_016_000
TS = "2018-06-12 10:06:56"


def row(**changed: object) -> LogRow:
    whole = {"id": 12_007, "node": 3, "name": "comp3", "ts": TS, "hashrate": 8123, "peers": 12, "block": 534_211}
    return LogRow(**(whole | changed))


def test_a_row_becomes_a_sample_with_a_number_of_its_second_and_its_id() -> None:
    assert convert(row(), NOW) == (3, Sample(n=AT + 7, at=AT, hashrate=8123, peers=12, block=534_211))


@given(st.integers(1, 2**40), st.integers(0, 999))
def test_two_rows_of_one_second_have_two_numbers(first: int, further: int) -> None:
    one, other = convert(row(id=first), NOW), convert(row(id=first + further), NOW)
    assert isinstance(one, tuple)
    assert isinstance(other, tuple)
    assert (one[1].n == other[1].n) == (further == 0)


@pytest.mark.parametrize(
    ("figures", "known"),
    [
        ((0, 12, 5), (0, 12, 5)),
        ((0, 0, 5), (0, 0, 5)),
        ((8, 0, 5), (8, 0, 5)),
        ((8, 3, 0), (8, 3, 0)),
        ((0, 0, 0), (None, None, None)),
        ((8, 0, 0), (8, None, None)),
    ],
)
def test_a_zero_is_measured_unless_nobody_answered(figures: tuple[int, int, int], known: tuple[object, ...]) -> None:
    hashrate, peers, block = figures
    read = convert(row(hashrate=hashrate, peers=peers, block=block), NOW)
    assert isinstance(read, tuple)
    assert (read[1].hashrate, read[1].peers, read[1].block) == known
    assert read[1].errors == ({SOURCE: UNREACHED} if known[1] is None else {})


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"node": None}, RowFault.NO_NODE),
        ({"node": 0}, RowFault.NO_NODE),
        ({"node": -1}, RowFault.NO_NODE),
        ({"node": "comp1"}, RowFault.NO_NODE),
        ({"ts": None}, RowFault.NO_TIME),
        ({"ts": ""}, RowFault.NO_TIME),
        ({"ts": "yesterday"}, RowFault.GARBLED_TIME),
        ({"ts": "0000-00-00 00:00:00"}, RowFault.GARBLED_TIME),
        ({"ts": "0001-01-01 00:00:00"}, RowFault.GARBLED_TIME),
        ({"ts": float("inf")}, RowFault.GARBLED_TIME),
        ({"ts": float("nan")}, RowFault.GARBLED_TIME),
        ({"ts": b"2018"}, RowFault.GARBLED_TIME),
        ({"ts": "2999-01-01 00:00:00"}, RowFault.NOT_YET),
        ({"hashrate": None}, RowFault.MISSING),
        ({"peers": None}, RowFault.MISSING),
        ({"block": None}, RowFault.MISSING),
        ({"hashrate": -1}, RowFault.NEGATIVE),
        ({"peers": -1}, RowFault.NEGATIVE),
        ({"block": "many"}, RowFault.NO_NUMBER),
        ({"hashrate": 1e300}, RowFault.NO_NUMBER),
        ({"hashrate": float("nan")}, RowFault.NO_NUMBER),
    ],
)
def test_a_bad_row_has_its_reason(changed: dict[str, object], fault: RowFault) -> None:
    assert convert(row(**changed), NOW) is fault


@pytest.mark.parametrize(
    ("ts", "at"),
    [
        (TS, AT),
        ("2018-06-12T10:06:56Z", AT),
        ("2018-06-12 13:06:56+03:00", AT),
        ("2018-06-12 10:06:56.123456789+00:00", AT + 123),
        ("2018-06-12 10:06:56 +0000 UTC", AT),
        (AT // 1000, AT),
        (AT / 1000 + 0.25, AT + 250),
    ],
)
def test_a_time_is_read_in_each_way_that_drivers_wrote_it(ts: object, at: Millis) -> None:
    assert moment(ts) == at


CELLS = st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=20), st.binary(max_size=8), st.just(TS))


@given(st.tuples(*[CELLS] * 7))
def test_whatever_is_in_the_table_is_a_sample_or_a_reason(cells: tuple[object, ...]) -> None:
    read = convert(LogRow(*cells), NOW)
    if not isinstance(read, RowFault):
        number, sample = read
        assert number > 0
        assert 0 < sample.n <= 2**53
        assert abs(sample.n - sample.at) < 1000
        assert all(each is None or each >= 0 for each in (sample.hashrate, sample.peers, sample.block))
