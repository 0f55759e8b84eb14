"""A sample in the outbox: its row has the text that a report carries, and is checked when it is read back."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from publisher.bodies import body_of, moment_of, moved, text_of, text_within
from publisher.moments import SampleMoment
from rigwatch.errors import DecodeError
from rigwatch.messages import Report, Sample, encode, encode_report

SAMPLE = Sample(n=7, at=1000, hashrate=5.5, last_share_at=900, errors={"xmrig": "no answer"})
MOMENT = SampleMoment(n=7, at=1000, boot="a1b2", since=40)

lines = st.text(max_size=20) | st.sampled_from(['","boot":"x","since":1}', 'boot"', "since"])
errors = st.dictionaries(st.sampled_from(["boot", "since", "jsonrpc"]) | lines, lines, max_size=4)
samples = st.builds(
    Sample,
    n=st.just(7),
    at=st.integers(0, 2**53),
    hashrate=st.none() | st.floats(0, 1e24),
    pool=st.none() | lines,
    errors=errors,
    odd=errors,
)


@given(samples, st.text("0123456789abcdef", max_size=16), st.integers(0, 10**12))
def test_the_text_of_any_sample_comes_back_as_it_was_written(sample: Sample, boot: str, since: int) -> None:
    moment = SampleMoment(7, sample.at, boot, since)
    body = body_of(text_of(sample), moment)
    assert text_within(body, 7) == text_of(sample)
    assert moment_of(body) == moment


@given(st.lists(samples, min_size=1, max_size=3))
def test_a_report_of_texts_is_that_of_the_samples(some: list[Sample]) -> None:
    assert encode_report(5, 6, map(text_of, some)) == encode(Report(5, 6, tuple(some)))


@pytest.mark.parametrize(
    "older",
    [
        b'{"n":7,"at":1000,"boot":"a1b2","since":40,"hashrate":5.5,"last_share_at":900,"errors":{"xmrig":"no answer"}}',
        b'{"n":7,"at":1000,"hashrate":5.5,"last_share_at":900,"errors":{"xmrig":"no answer"}}',
        b'{"n":7,"at":1000,"boot":"a1b2","hashrate":5.5,"last_share_at":900,"errors":{"xmrig":"no answer"}}',
    ],
)
def test_rows_of_older_versions_give_the_same_text(older: bytes) -> None:
    assert text_within(older, 7) == text_of(SAMPLE)


def test_a_source_by_the_name_of_boot_is_not_taken_for_one() -> None:
    older = b'{"n":7,"at":1000,"boot":"a1b2","since":40,"errors":{"x":"y","boot":"no","since":1}}'
    with pytest.raises(DecodeError):
        text_within(older, 7)
    older = b'{"n":7,"at":1000,"boot":"a1b2","since":40,"errors":{"x":"y","boot":"no"}}'
    assert text_within(older, 7) == text_of(Sample(n=7, at=1000, errors={"x": "y", "boot": "no"}))


@pytest.mark.parametrize("length", range(0, 150, 3))
def test_a_row_that_is_cut_off_is_refused(length: int) -> None:
    body = body_of(text_of(SAMPLE), MOMENT)
    assert len(body) < 150
    if length < len(body):
        with pytest.raises(DecodeError):
            text_within(body[:length], 7)


def test_a_row_of_another_sample_is_refused() -> None:
    with pytest.raises(DecodeError, match="it is sample 7"):
        text_within(body_of(text_of(SAMPLE), MOMENT), 8)


def test_what_is_moved_keeps_all_but_its_times() -> None:
    body = moved(body_of(text_of(SAMPLE), MOMENT), 5000)
    assert moment_of(body) == SampleMoment(7, 5000, "a1b2", 40)
    later = msgspec.structs.replace(SAMPLE, at=5000, last_share_at=4900)
    assert text_within(body, 7) == text_of(later)
