"""A sample as its row in the outbox: the text that a report carries, and behind it the boot in which it was taken.

A report takes the text as it stands, so what comes from a disk is checked first: a damaged row costs its own sample.
"""

import re
from typing import Final, TypeVar

import msgspec
from msgspec import json, structs

from publisher.moments import SampleMoment
from rigwatch.clock import Millis
from rigwatch.errors import DecodeError
from rigwatch.messages import Sample

T = TypeVar("T")

# The last two members of the outermost object: of an object within it, a brace would follow.
_TAIL: Final = re.compile(rb',"boot":"[^"\\]*","since":\d+\}\Z')


def text_of(sample: Sample) -> bytes:
    """What a report says of it."""
    return _encoder.encode(sample)


def body_of(text: bytes, moment: SampleMoment) -> bytes:
    """The row of that text. Versions that know nothing of boots ignore the last two members."""
    return b'%b,"boot":%b,"since":%d}' % (text[:-1], _encoder.encode(moment.boot), moment.since)


def text_within(body: bytes, n: int) -> bytes:
    """The text of sample `n`, checked. Raises DecodeError where the row is not that sample."""
    tail = _TAIL.search(body)
    text = body[: tail.start()] + b"}" if tail else body
    sample = _read(_samples, text)
    if sample.n != n:
        raise DecodeError(f"it is sample {sample.n}")
    # Older versions wrote the boot among the figures.
    return text if tail else text_of(sample)


def moment_of(body: bytes) -> SampleMoment:
    """When it was taken. Raises DecodeError."""
    return _read(_moments, body)


def moved(body: bytes, at: Millis) -> bytes:
    """The same sample at another time, and what its miner said of the last share as well. Raises DecodeError."""
    sample = _read(_samples, body)
    share = sample.last_share_at
    if share is not None:
        share = max(0, share + at - sample.at)
    return body_of(text_of(structs.replace(sample, at=at, last_share_at=share)), moment_of(body))


def _read(decoder: json.Decoder[T], text: bytes) -> T:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as exc:
        raise DecodeError(str(exc)) from exc


_encoder = json.Encoder()
_moments = json.Decoder(SampleMoment)
_samples = json.Decoder(Sample)
