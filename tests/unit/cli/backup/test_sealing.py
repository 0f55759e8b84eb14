import io
from functools import partial

import pytest

from cli.backup import sealing
from cli.backup.sealing import CHUNK, MAGIC, OpeningReader, SealingError, SealingWriter, is_sealed

PASSPHRASE = "correct horse battery"
HEADER = len(MAGIC) + 1 + 16
SEALED = CHUNK + 16
quick = partial(SealingWriter, cost=1)


def seal(plain: bytes, *, piece: int = 10_000) -> bytes:
    file = io.BytesIO()
    writer = quick(file, PASSPHRASE)
    for at in range(0, len(plain), piece):
        writer.write(plain[at : at + piece])
    writer.finish()
    return file.getvalue()


def opened(sealed: bytes, passphrase: str = PASSPHRASE) -> bytes:
    return io.BufferedReader(OpeningReader(io.BytesIO(sealed), passphrase)).read()


def chunks(sealed: bytes) -> list[bytes]:
    body = sealed[HEADER:]
    return [body[at : at + SEALED] for at in range(0, len(body), SEALED)]


@pytest.mark.parametrize("length", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 5])
def test_what_was_sealed_opens_to_the_same(length: int) -> None:
    plain = bytes(number % 251 for number in range(length))
    sealed = seal(plain)
    assert is_sealed(sealed)
    assert opened(sealed) == plain
    assert len(chunks(sealed)) == max(1, -(-length // CHUNK))


def test_the_same_text_sealed_twice_has_nothing_in_common() -> None:
    first, second = seal(b"secret" * 100), seal(b"secret" * 100)
    assert b"secret" not in first
    assert first[HEADER:] != second[HEADER:]


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(SealingError, match="the passphrase is another"):
        opened(seal(b"secret"), "incorrect horse battery")


@pytest.mark.parametrize("cut", [0, 5, HEADER - 1, HEADER, HEADER + 10, HEADER + SEALED, HEADER + 2 * SEALED, -1])
def test_a_file_that_was_cut_anywhere_is_refused(cut: int) -> None:
    with pytest.raises(SealingError):
        opened(seal(bytes(3 * CHUNK))[:cut])


def test_chunks_that_change_places_come_twice_or_are_left_out_are_refused() -> None:
    sealed = seal(bytes(range(256)) * (4 * CHUNK // 256))
    header, parts = sealed[:HEADER], chunks(sealed)
    for other in ([1, 0, 2, 3], [0, 0, 2, 3], [0, 2, 3], [0, 1, 2, 3, 3], [0, 1, 3, 2], [3]):
        with pytest.raises(SealingError):
            opened(header + b"".join(parts[at] for at in other))
    assert opened(header + b"".join(parts)) == bytes(range(256)) * (4 * CHUNK // 256)


def test_what_is_given_out_before_a_changed_chunk_is_what_was_written() -> None:
    sealed = bytearray(seal(b"a" * 3 * CHUNK))
    sealed[HEADER + SEALED + 7] ^= 1
    reader = OpeningReader(io.BytesIO(sealed), PASSPHRASE)
    got = bytearray()

    def drain() -> None:
        while data := reader.read(CHUNK):
            got.extend(data)

    with pytest.raises(SealingError, match="it was cut or changed"):
        drain()
    assert bytes(got) == b"a" * CHUNK


def test_a_chunk_of_another_file_with_the_same_passphrase_is_refused() -> None:
    first, second = seal(bytes(2 * CHUNK)), seal(bytes(2 * CHUNK))
    with pytest.raises(SealingError):
        opened(first[: HEADER + SEALED] + second[HEADER + SEALED :])


def test_a_header_that_asks_for_more_memory_than_any_machine_has_is_refused() -> None:
    sealed = bytearray(seal(b"secret"))
    sealed[len(MAGIC)] = 40
    with pytest.raises(SealingError, match="header was changed"):
        opened(bytes(sealed))


def test_the_cost_that_is_used_is_one_that_is_read() -> None:
    assert sealing._COST <= sealing._COST_MAX
