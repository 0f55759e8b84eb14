"""The sealed messages' plain text: what is accepted, and what is refused with which field named."""

import json
from contextlib import suppress
from typing import TypeVar

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.errors import DecodeError
from rigwatch.figures import Gpu, Miner
from rigwatch.messages import SAMPLES_MAX, Ack, NodeState, Report, Sample, Status, decode, encode

T = TypeVar("T")
TOP = 2**53
LINES = st.text(max_size=200)
COUNTS = st.integers(0, TOP)
RATES = st.floats(0, 1e24)
CELSIUS = st.floats(-100, 1000)
WATTS = st.floats(0, 1e7)
PERCENT = st.floats(0, 1000)


def optional(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


GPUS = st.builds(
    Gpu,
    id=LINES,
    name=LINES,
    hashrate=optional(RATES),
    temperature=optional(CELSIUS),
    memory_temperature=optional(CELSIUS),
    power=optional(WATTS),
    fan=optional(PERCENT),
    utilization=optional(PERCENT),
)
SAMPLES = st.builds(
    Sample,
    n=st.integers(1, TOP),
    at=COUNTS,
    hashrate=optional(RATES),
    peers=optional(COUNTS),
    block=optional(COUNTS),
    block_hash=optional(LINES),
    syncing=optional(st.booleans()),
    accepted=optional(COUNTS),
    rejected=optional(COUNTS),
    stale=optional(COUNTS),
    last_share_at=optional(COUNTS),
    temperature=optional(CELSIUS),
    power=optional(WATTS),
    fan=optional(PERCENT),
    cpu=optional(PERCENT),
    gpus=optional(st.lists(GPUS, max_size=3).map(tuple)),
    miner=optional(st.builds(Miner, name=LINES, version=LINES)),
    pool=optional(LINES),
    uptime=optional(st.floats(0, 1e11)),
    pool_latency=optional(st.floats(0, 1e7)),
    errors=st.dictionaries(LINES, LINES, max_size=3),
)
STATUSES = st.builds(
    Status,
    state=st.sampled_from(NodeState),
    session=st.integers(1, TOP),
    host=LINES,
    name=LINES,
    version=LINES,
    interval=st.floats(0.1, 86400),
    sources=st.lists(LINES, max_size=3).map(tuple),
    tags=st.lists(LINES, max_size=3).map(tuple),
    reason=LINES,
)
REPORTS = st.builds(
    Report, session=st.integers(1, TOP), sent_at=COUNTS, samples=st.lists(SAMPLES, min_size=1, max_size=3).map(tuple)
)
ACKS = st.builds(Ack, session=st.integers(1, TOP), n=st.lists(st.integers(1, TOP), max_size=5).map(tuple))


@given(STATUSES)
def test_a_status_is_read_back_as_it_was(status: Status) -> None:
    assert decode(encode(status), Status) == status


@given(REPORTS)
def test_a_report_is_read_back_as_it_was(report: Report) -> None:
    assert decode(encode(report), Report) == report


@given(ACKS)
def test_an_ack_is_read_back_as_it_was(ack: Ack) -> None:
    assert decode(encode(ack), Ack) == ack


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused_in_one_way(data: bytes) -> None:
    with suppress(DecodeError):
        decode(data, Status)
    with suppress(DecodeError):
        decode(data, Report)
    with suppress(DecodeError):
        decode(data, Ack)


def report_with(**fields: object) -> bytes:
    return json.dumps({"session": 1, "sent_at": 2, "samples": [{"n": 3, "at": 4, **fields}]}).encode()


def sample_with(**fields: object) -> Sample:
    return decode(report_with(**fields), Report).samples[0]


FIGURES = [
    *("hashrate", "peers", "block", "block_hash", "syncing", "accepted", "rejected", "stale", "last_share_at"),
    *("temperature", "power", "fan", "cpu", "gpus", "miner", "pool", "uptime", "pool_latency"),
    *("invalid", "hardware_errors", "algorithm", "algorithms", "boards", "fans"),
]


@pytest.mark.parametrize("name", FIGURES)
def test_null_and_absent_both_mean_not_known(name: str) -> None:
    assert getattr(sample_with(**{name: None}), name) is None
    assert getattr(sample_with(), name) is None


def test_the_list_of_figures_is_whole() -> None:
    assert set(FIGURES) == {field.name for field in msgspec.structs.fields(Sample)} - {"n", "at", "errors", "odd"}


@pytest.mark.parametrize("name", ["hashrate", "peers", "block", "accepted", "temperature", "power", "fan", "uptime"])
def test_zero_is_a_measured_zero_and_is_sent(name: str) -> None:
    value = getattr(sample_with(**{name: 0}), name)
    assert value == 0
    assert value is not None
    sent = json.loads(encode(Report(1, 2, (Sample(3, 4, **{name: value}),))))
    assert sent["samples"] == [{"n": 3, "at": 4, name: 0}]


def test_what_is_not_known_is_left_out() -> None:
    assert encode(Report(1, 2, (Sample(3, 4),))) == b'{"session":1,"sent_at":2,"samples":[{"n":3,"at":4}]}'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_is_sent_as_not_known(value: float) -> None:
    assert decode(encode(Report(1, 2, (Sample(3, 4, hashrate=value),))), Report).samples[0].hashrate is None


def test_an_ack_without_n_is_sent_with_an_empty_list() -> None:
    assert encode(Ack(7)) == b'{"session":7,"n":[]}'
    assert decode(b'{"session":7}', Ack) == Ack(7)


LIMITS: list[tuple[str, object, object]] = [
    ("n", 1, 0),
    ("n", TOP, TOP + 1),
    ("at", 0, -1),
    ("at", TOP, TOP + 1),
    ("hashrate", 1e24, 1.1e24),
    ("hashrate", 0, -0.001),
    ("peers", TOP, TOP + 1),
    ("peers", 0, -1),
    ("block", 0, -1),
    ("accepted", TOP, TOP + 1),
    ("last_share_at", 0, -1),
    ("temperature", -100, -100.1),
    ("temperature", 1000, 1000.1),
    ("power", 1e7, 1.1e7),
    ("fan", 1000, 1000.5),
    ("cpu", 0, -0.5),
    ("uptime", 1e11, 1.1e11),
    ("pool_latency", 1e7, 1.1e7),
    ("pool", "p" * 200, "p" * 201),
    ("block_hash", "b" * 200, "b" * 201),
    ("gpus", [{"id": "g"}] * 64, [{"id": "g"}] * 65),
    ("errors", {str(i): "x" for i in range(32)}, {str(i): "x" for i in range(33)}),
]


@pytest.mark.parametrize(("name", "allowed", "beyond"), LIMITS)
def test_a_bound_is_allowed_and_what_lies_beyond_is_refused(name: str, allowed: object, beyond: object) -> None:
    sample_with(**{name: allowed})
    with pytest.raises(DecodeError, match=rf"not a report: .*`\$\.samples\[0\]\.{name}`"):
        sample_with(**{name: beyond})


WRONG: list[tuple[str, object]] = [
    ("n", None),
    ("n", "3"),
    ("n", 3.0),
    ("at", 1.5),
    ("hashrate", "fast"),
    ("hashrate", True),
    ("peers", 1.5),
    ("peers", True),
    ("syncing", 1),
    ("pool", 7),
    ("gpus", {"id": "g"}),
    ("miner", "geth"),
    ("errors", ["x"]),
    ("errors", None),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_value_of_another_type_is_refused_with_its_field_named(name: str, value: object) -> None:
    with pytest.raises(DecodeError, match=rf"`\$\.samples\[0\]\.{name}`"):
        sample_with(**{name: value})


@pytest.mark.parametrize("missing", ["session", "sent_at", "samples"])
def test_a_report_without_a_required_field_is_refused_with_it_named(missing: str) -> None:
    body = json.loads(report_with())
    del body[missing]
    with pytest.raises(DecodeError, match=missing):
        decode(json.dumps(body).encode(), Report)


def test_a_report_holds_between_one_and_five_hundred_samples() -> None:
    assert SAMPLES_MAX == 500
    for count, fits in ((0, False), (1, True), (500, True), (501, False)):
        body = encode(Report(1, 2, tuple(Sample(n, 0) for n in range(1, count + 1))))
        if fits:
            assert len(decode(body, Report).samples) == count
        else:
            with pytest.raises(DecodeError, match=r"`\$\.samples`"):
                decode(body, Report)


def test_an_ack_names_at_most_as_many_samples_as_a_report_holds() -> None:
    assert len(decode(encode(Ack(1, tuple(range(1, 501)))), Ack).n) == 500
    with pytest.raises(DecodeError, match=r"`\$\.n`"):
        decode(encode(Ack(1, tuple(range(1, 502)))), Ack)


@pytest.mark.parametrize("interval", [0, 0.05, -60, 86401])
def test_an_interval_outside_its_bounds_is_refused(interval: float) -> None:
    with pytest.raises(DecodeError, match="interval"):
        decode(encode(Status(NodeState.ONLINE, 1, interval=interval)), Status)


def test_unknown_fields_are_ignored_at_every_depth() -> None:
    body = {
        "session": 1,
        "sent_at": 2,
        "later": {"a": [1]},
        "samples": [{"n": 3, "at": 4, "later": 1, "miner": {"name": "geth", "later": []}}],
    }
    assert decode(json.dumps(body).encode(), Report) == Report(1, 2, (Sample(3, 4, miner=Miner("geth")),))
    status = b'{"state":"online","session":1,"later":null}'
    assert decode(status, Status) == Status(NodeState.ONLINE, 1)


def test_a_message_of_another_kind_is_refused() -> None:
    with pytest.raises(DecodeError, match="not a report"):
        decode(encode(Status(NodeState.ONLINE, 1)), Report)
    with pytest.raises(DecodeError, match="not a status"):
        decode(encode(Ack(1)), Status)


def test_an_unknown_state_is_refused_without_being_repeated() -> None:
    with pytest.raises(DecodeError) as refusal:
        decode(b'{"state":"confidential\\nsecond line","session":1}', Status)
    assert "`$.state`" in str(refusal.value)
    assert "confidential" not in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"state":"online","session":1}x',
        b'{"state":"online","session":NaN}',
        b'{"state":"online","session":1e999}',
        b'{"state":"online","session":' + b"9" * 5000 + b"}",
        b'{"state":"online","session":1,"host":"\xff\xfe"}',
        b'{"state":"online","session":1,"host":"\\ud800"}',
        b'{"state":"online","session":1,"deep":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
    ids=["empty", "null", "list", "cut", "trailing", "nan", "infinite", "digits", "not-utf8", "surrogate", "deep"],
)
def test_what_is_not_the_json_of_a_message_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode(data, Status)


def test_every_truncation_of_a_message_is_refused() -> None:
    body = encode(Report(1, 2, (Sample(3, 4, hashrate=5.5, errors={"geth": "refused"}),)))
    for length in range(len(body)):
        with pytest.raises(DecodeError):
            decode(body[:length], Report)
