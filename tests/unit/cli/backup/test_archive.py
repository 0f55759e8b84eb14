import gzip
import io
import tarfile
import tracemalloc
from pathlib import Path

import pytest

from cli.backup.archive import ArchiveWriter, parts, writing
from rigwatch.errors import RigwatchError

WANTED = {"about.json": b"{}", "home/a/b": bytes(range(256)) * 5000, "home/empty": b""}


def archive(passphrase: str = "") -> bytes:
    file = io.BytesIO()
    with writing(file, passphrase) as made:
        for name, data in WANTED.items():
            made.add(name, data)
    return file.getvalue()


def read(data: bytes, passphrase: str = "") -> dict[str, bytes]:
    return {part.name: b"".join(part.blocks) for part in parts(io.BytesIO(data), lambda: passphrase)}


@pytest.mark.parametrize("passphrase", ["", "correct horse battery"])
def test_what_was_added_is_read_in_its_order(passphrase: str) -> None:
    assert list(read(archive(passphrase), passphrase).items()) == list(WANTED.items())


def test_any_tar_reads_one_that_is_not_sealed() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive()), mode="r:gz") as tar:
        assert tar.getnames() == [*WANTED, "sums.json"]
        assert {each.mode for each in tar.getmembers()} == {0o600}


def test_parts_that_nobody_reads_are_looked_at_all_the_same() -> None:
    assert [part.name for part in parts(io.BytesIO(archive()), str)] == list(WANTED)


@pytest.mark.parametrize("passphrase", ["", "correct horse battery"])
def test_one_that_was_cut_anywhere_is_refused(passphrase: str) -> None:
    whole = archive(passphrase)
    for cut in (0, 1, 30, len(whole) // 2, len(whole) - 9, len(whole) - 1):
        with pytest.raises(RigwatchError):
            read(whole[:cut], passphrase)


def rebuilt(change: str) -> bytes:
    """As somebody without rigwatch would: the parts that `tar` gives, put together again in another way."""
    with tarfile.open(fileobj=io.BytesIO(archive()), mode="r:gz") as tar:
        found = [(each.name, tar.extractfile(each).read()) for each in tar.getmembers()]  # type: ignore[union-attr] # files
    if change == "order":
        found[0], found[1] = found[1], found[0]
    elif change == "content":
        found[1] = (found[1][0], found[1][1].replace(b"\x01\x02", b"\x02\x01", 1))
    elif change == "left out":
        del found[1]
    elif change == "added":
        found.insert(1, ("home/more", b"x"))
    elif change == "behind the end":
        found.append(("home/more", b"x"))
    elif change == "no end":
        found.pop()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, data in found:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            tar.addfile(entry, io.BytesIO(data))
    return file.getvalue()


def test_one_that_is_packed_again_as_it_was_is_read() -> None:
    assert read(rebuilt("nothing")) == WANTED


@pytest.mark.parametrize("change", ["order", "content", "left out", "added", "behind the end", "no end"])
def test_one_whose_parts_are_not_those_that_were_written_is_refused(change: str) -> None:
    with pytest.raises(RigwatchError, match="was c"):
        read(rebuilt(change))


def packed(*found: tuple[str, bytes, bytes]) -> bytes:
    """A tar of entries: name, type, content."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        for name, kind, data in found:
            entry = tarfile.TarInfo(name)
            entry.type, entry.size = kind, len(data)
            tar.addfile(entry, io.BytesIO(data))
    return file.getvalue()


@pytest.mark.parametrize("sums", [b"[[", b"\xff", b'[["home/a", "\xe1"]]', b"{}", b" " * 10_000_000])
def test_one_whose_list_makes_no_sense_is_refused(sums: bytes) -> None:
    with pytest.raises(RigwatchError, match=r"was changed|larger than it can be"):
        read(packed(("home/a", tarfile.REGTYPE, b"x"), ("sums.json", tarfile.REGTYPE, sums)))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_a_name_without_end_is_refused_before_it_is_read(kind: bytes) -> None:
    bomb = packed(("x", kind, bytes(50_000_000)), ("home/a", tarfile.REGTYPE, b"x"))
    tracemalloc.start()
    try:
        with pytest.raises(RigwatchError, match="no backup"):
            read(bomb)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


def test_a_name_that_is_no_text_is_refused() -> None:
    with pytest.raises(RigwatchError, match="no backup"):
        read(packed(("home/\udcff", tarfile.REGTYPE, b"x"), ("sums.json", tarfile.REGTYPE, b"[]")))


def test_a_file_that_cannot_be_read_is_the_one_that_is_named(tmp_path: Path) -> None:
    with pytest.raises(RigwatchError, match=rf"^{tmp_path}/gone: cannot be read \(No such file"):
        ArchiveWriter(io.BytesIO()).add_file("home/gone", tmp_path / "gone")


def test_a_link_in_it_is_refused() -> None:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as tar:
        entry = tarfile.TarInfo("home/link")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(entry)
    with pytest.raises(RigwatchError, match="no backup"):
        read(file.getvalue())


@pytest.mark.parametrize("data", [b"", b"hello", gzip.compress(b"hello", mtime=0), bytes(100_000)])
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    with pytest.raises(RigwatchError, match=r"no backup|was cut"):
        read(data)


def test_a_file_that_shrinks_while_it_is_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "growing"
    path.write_bytes(bytes(100))
    made = ArchiveWriter(io.BytesIO())
    real = tarfile.TarInfo.tobuf

    def meanwhile(*args: object, **named: object) -> bytes:
        path.write_bytes(b"")
        return real(*args, **named)  # type: ignore[arg-type] # handed on

    monkeypatch.setattr(tarfile.TarInfo, "tobuf", meanwhile)
    with pytest.raises(RigwatchError, match="home/growing: was changed"):
        made.add_file("home/growing", path)
