"""The envelope is judged by what it refuses."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.envelope import HEADER_LENGTH, NONCE_LENGTH, TAG_LENGTH, VERSION, SealKey, key_id_of
from rigwatch.errors import OpenError

KEY = bytes(range(32))
TOPIC = "rigwatch/v1/main/rig1/report"
PLAIN = b'{"session":1,"sent_at":2,"samples":[{"n":3,"at":4}]}'
OVERHEAD = HEADER_LENGTH + NONCE_LENGTH + TAG_LENGTH


@given(st.binary(max_size=500), st.text(max_size=60))
def test_what_was_sealed_is_opened(plain: bytes, topic: str) -> None:
    seal = SealKey(KEY)
    assert seal.open(topic, seal.seal(topic, plain)) == plain


def test_an_envelope_is_version_key_id_nonce_and_what_aes_gcm_gives() -> None:
    seal, nonce = SealKey(KEY), bytes(12)
    envelope = seal.seal(TOPIC, PLAIN, nonce=nonce)
    assert envelope[:1] == bytes([VERSION]) == b"\x01"
    assert envelope[1:5] == seal.key_id
    assert envelope[5:17] == nonce
    assert len(envelope) == 33 + len(PLAIN) == OVERHEAD + len(PLAIN)
    assert key_id_of(envelope) == seal.key_id


def test_no_nonce_comes_twice() -> None:
    seal = SealKey(KEY)
    nonces = {seal.seal(TOPIC, PLAIN)[5:17] for _ in range(1000)}
    assert len(nonces) == 1000


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_uses_none_of_its_parents_nonces() -> None:
    seal = SealKey(KEY)
    seal.seal(TOPIC, PLAIN)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, b"".join(seal.seal(TOPIC, PLAIN)[5:17] for _ in range(64)))
        os._exit(0)
    os.waitpid(child, 0)
    own = {seal.seal(TOPIC, PLAIN)[5:17] for _ in range(64)}
    theirs = os.read(reading, 64 * 12)
    assert not own & {theirs[at : at + 12] for at in range(0, len(theirs), 12)}


def test_every_truncation_is_refused() -> None:
    seal = SealKey(KEY)
    envelope = seal.seal(TOPIC, PLAIN)
    for length in range(len(envelope)):
        with pytest.raises(OpenError):
            seal.open(TOPIC, envelope[:length])


def test_every_flipped_bit_is_refused() -> None:
    seal = SealKey(KEY)
    envelope = seal.seal(TOPIC, PLAIN)
    for at in range(len(envelope) * 8):
        flipped = bytearray(envelope)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(OpenError):
            seal.open(TOPIC, bytes(flipped))


@given(st.binary(min_size=1, max_size=40))
def test_bytes_added_to_an_envelope_are_refused(more: bytes) -> None:
    seal = SealKey(KEY)
    with pytest.raises(OpenError):
        seal.open(TOPIC, seal.seal(TOPIC, PLAIN) + more)


@given(st.binary(max_size=100))
def test_bytes_that_nobody_sealed_are_refused(data: bytes) -> None:
    with pytest.raises(OpenError):
        SealKey(KEY).open(TOPIC, data)


@pytest.mark.parametrize(
    "topic",
    [
        "rigwatch/v1/main/rig2/report",
        "rigwatch/v1/main/rig1/status",
        "rigwatch/v1/main/rig1/report ",
        "rigwatch/v1/main/rig1/repor",
        "",
    ],
)
def test_a_message_moved_to_another_topic_is_refused(topic: str) -> None:
    seal = SealKey(KEY)
    with pytest.raises(OpenError, match="moved"):
        seal.open(topic, seal.seal(TOPIC, PLAIN))


def test_another_key_is_refused_even_when_it_claims_the_same_id() -> None:
    ours, theirs = SealKey(KEY), SealKey(bytes(32))
    envelope = theirs.seal(TOPIC, PLAIN)
    with pytest.raises(OpenError, match="another key"):
        ours.open(TOPIC, envelope)
    with pytest.raises(OpenError, match="altered"):
        ours.open(TOPIC, bytes([VERSION]) + ours.key_id + envelope[HEADER_LENGTH:])


def test_the_key_id_cannot_be_exchanged_for_that_of_the_opening_key() -> None:
    # The same key material under a false id: only the associated data can tell.
    seal = SealKey(KEY)
    envelope = bytearray(seal.seal(TOPIC, PLAIN))
    envelope[1:5] = b"\0\0\0\0"
    impostor = SealKey(KEY)
    impostor.key_id = b"\0\0\0\0"
    with pytest.raises(OpenError, match="altered"):
        SealKey.open(impostor, TOPIC, bytes(envelope))


def test_another_version_is_refused_by_its_number() -> None:
    envelope = bytearray(SealKey(KEY).seal(TOPIC, PLAIN))
    envelope[0] = 2
    with pytest.raises(OpenError, match="version 2"):
        key_id_of(bytes(envelope))


def test_an_empty_plain_text_is_the_shortest_envelope() -> None:
    seal = SealKey(KEY)
    envelope = seal.seal(TOPIC, b"")
    assert (len(envelope), seal.open(TOPIC, envelope)) == (OVERHEAD, b"")


def test_the_same_text_is_never_sealed_alike() -> None:
    seal = SealKey(KEY)
    nonces = {seal.seal(TOPIC, PLAIN)[HEADER_LENGTH : HEADER_LENGTH + NONCE_LENGTH] for _ in range(1000)}
    assert len(nonces) == 1000


@pytest.mark.parametrize("length", [0, 11, 13, 16])
def test_a_nonce_of_another_length_is_a_mistake_of_the_caller(length: int) -> None:
    with pytest.raises(ValueError, match="12 bytes"):
        SealKey(KEY).seal(TOPIC, PLAIN, nonce=bytes(length))


@pytest.mark.parametrize("length", [0, 16, 24, 31, 33])
def test_a_key_of_another_length_is_a_mistake_of_the_caller(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SealKey(bytes(length))


def test_nothing_of_the_key_or_the_text_is_shown() -> None:
    key = os.urandom(32)
    seal = SealKey(key)
    shown = [repr(seal), str(seal), f"{seal}"]
    for envelope in (
        b"",
        b"short",
        bytes([2]) * 60,
        bytes(60),
        seal.seal("other", PLAIN),
        SealKey(KEY).seal(TOPIC, PLAIN),
    ):
        with pytest.raises(OpenError) as refusal:
            seal.open(TOPIC, envelope)
        shown += [str(refusal.value), repr(refusal.value)]
    for text in shown:
        assert key.hex() not in text
        assert repr(key)[2:-1] not in text
        assert "session" not in text
