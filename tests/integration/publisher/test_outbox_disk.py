"""The outbox on disks that fill up, and in processes that are killed."""

import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from publisher.outbox import ERROR_NAME, Limits, Outbox
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.clock import SystemClock
from rigwatch.topics import NodeId
from tests.waiting import eventually

NODE = NodeId("main", "rig07")
LIMITS = Limits(samples=10_000, bytes=50_000_000)
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX limits and signals")
_LONG = {f"source-{i}": "x" * 200 for i in range(30)}


def _open(path: Path) -> Outbox:
    return Outbox(path, NODE, limits=LIMITS, clock=SystemClock())


def _append(outbox: Outbox) -> int:
    return outbox.append(UnnumberedSample(Reading(hashrate=1.0), _LONG)).n


@contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    """No file of this process may grow beyond it: a disk that is full, for whoever appends."""
    import resource  # noqa: PLC0415 - POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@POSIX
def test_it_goes_on_in_memory_while_the_disk_is_full_and_says_so_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        on_disk = [_append(outbox) for _ in range(5)]
        with _file_size_limit(150_000):
            meanwhile = [_append(outbox) for _ in range(100)]
            assert [*outbox.load(list(outbox.pending()))] == [*on_disk, *meanwhile]
            assert outbox.next_session() > 0
            assert caplog.text.count("disk refuses samples") == 1
            (latest,) = outbox.load([meanwhile[-1]]).values()
            assert msgspec.json.decode(latest)["errors"][ERROR_NAME].startswith(
                "kept in memory only, the disk refuses: "
            )
        last = _append(outbox)
        assert caplog.text.count("disk takes samples again") == 1
    with _open(path) as outbox:
        assert list(outbox.pending()) == [*on_disk, *meanwhile, last]


@POSIX
def test_acks_count_while_the_disk_is_full(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        numbers = [_append(outbox) for _ in range(5)]
        with _file_size_limit(1):
            outbox.forget(numbers[:3])
            assert list(outbox.pending()) == numbers[3:]
        outbox.forget([])
    with _open(path) as outbox:
        assert list(outbox.pending()) == numbers[3:]


@POSIX
def test_it_starts_in_memory_on_a_disk_that_is_full_already(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "outbox.db"
    with _file_size_limit(1):
        outbox = _open(path)
        first = _append(outbox)
        assert "disk refuses samples" in caplog.text
    second = _append(outbox)
    outbox.close()
    with _open(path) as again:
        assert list(again.pending()) == [first, second]


@POSIX
def test_what_the_disk_never_took_is_said_at_the_end(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with _file_size_limit(1):
        outbox = _open(tmp_path / "outbox.db")
        _append(outbox)
        outbox.close()
    assert "samples lost, the disk refused them node=main/rig07 count=1" in caplog.text


@POSIX
def test_a_sample_that_was_acked_from_memory_is_neither_kept_nor_called_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with _file_size_limit(1):
        outbox = _open(tmp_path / "outbox.db")
        n = _append(outbox)
        outbox.forget([n])
        assert not outbox.load([n])
        outbox.close()
    assert "samples lost" not in caplog.text


_FILES = 10


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB and a few files, where the machine lets the test make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    command: list[str | Path] = [mount or "", "-t", "tmpfs", "-o", f"size=1m,nr_inodes={_FILES}", "tmpfs", place]
    if not mount or not umount or subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("no right to mount a tmpfs here")
    try:
        yield place
    finally:
        subprocess.run([umount, place], check=True)


@POSIX
def test_a_disk_that_really_has_no_room_loses_nothing_that_is_in_memory(small_disk: Path) -> None:
    filler = small_disk / "filler"
    with _open(small_disk / "outbox.db") as outbox:
        numbers = [_append(outbox)]
        filler.write_bytes(b"x" * (os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize))
        numbers += [_append(outbox) for _ in range(50)]
        assert len(outbox.load(numbers)) == 51
        filler.unlink()
        numbers.append(_append(outbox))
    with _open(small_disk / "outbox.db") as outbox:
        assert list(outbox.pending()) == numbers


@POSIX
def test_a_disk_that_takes_no_more_files_is_a_full_one(small_disk: Path, caplog: pytest.LogCaptureFixture) -> None:
    fillers = [small_disk / f"filler{number}" for number in range(_FILES)]
    with suppress(OSError):
        for filler in fillers:
            filler.touch()
    with _open(small_disk / "outbox.db") as outbox:
        numbers = [_append(outbox)]
        assert "disk refuses samples, they are kept in memory" in caplog.text
        for filler in fillers:
            filler.unlink(missing_ok=True)
        numbers.append(_append(outbox))
    with _open(small_disk / "outbox.db") as outbox:
        assert list(outbox.pending()) == numbers


def test_the_file_does_not_grow_while_samples_come_and_go(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        # 6 kB each.
        for _ in range(50):
            outbox.forget([_append(outbox) for _ in range(20)])
        assert sum(each.stat().st_size for each in tmp_path.glob("outbox.db*")) <= 2_000_000


_APPENDER = """
    import sys
    from pathlib import Path
    from publisher.outbox import Limits, Outbox
    from publisher.sources.reading import Reading
    from publisher.summary import UnnumberedSample
    from rigwatch.clock import SystemClock
    from rigwatch.topics import NodeId

    limits = Limits(samples=100_000, bytes=50_000_000)
    outbox = Outbox(Path(sys.argv[1]), NodeId("main", "rig07"), limits=limits, clock=SystemClock())
    while True:
        print(outbox.append(UnnumberedSample(Reading(hashrate=1.0))).n, flush=True)
"""


@contextmanager
def _appending(path: Path, output: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that appends as fast as it can and writes each number once the outbox has returned it."""
    with output.open("wb") as file:
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(_APPENDER), path], stdout=file)
    try:
        eventually(lambda: len(output.read_bytes().splitlines()) > 20, what="20 samples are kept")
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_kill_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for life in range(3):
        output = tmp_path / f"numbers-{life}"
        with _appending(path, output) as process:
            process.kill()
            process.wait()
    said = [int(line) for life in range(3) for line in (tmp_path / f"numbers-{life}").read_text().split()]
    with _open(path) as outbox:
        kept = set(outbox.pending())
        assert kept.issuperset(said)
        # The one that was being written when the kill came may be there as well.
        assert len(kept) <= len(said) + 3
        assert len(outbox.load(said)) == len(said)


def test_another_process_that_publishes_the_node_is_named_as_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _appending(path, tmp_path / "numbers"), pytest.raises(Exception, match="already published by another process"):
        _open(path)
