import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from publisher.sources.hashfile import HalfWrittenError, HashfileSettings, HashfileSource, parse
from publisher.sources.reading import SourceError
from publisher.sources.source import Context
from rigwatch.clock import SystemClock
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock


def _source(path: Path, clock: FakeClock | None = None) -> HashfileSource:
    clock = clock or FakeClock()
    settings = HashfileSettings(path=str(path), stale=timedelta(seconds=60))
    if path.exists():
        _written(path, clock)
    return HashfileSource(settings, Context(NodeId("main", "rig07"), clock))


def _written(path: Path, clock: FakeClock) -> None:
    """As if the miner had written the file at this moment of the fake clock."""
    os.utime(path, (clock.now() / 1000, clock.now() / 1000))


@pytest.mark.parametrize(
    ("text", "hashrate"),
    [
        ("8123\n", 8123.0),
        ("100\n200\n300.5\n", 600.5),
        ("100\r\n200\r\n", 300.0),
        ("100\n\n  200  \n\n", 300.0),
        ("42", 42.0),
        ("0\n0\n", 0.0),
    ],
)
def test_the_hashrate_is_the_sum_of_the_lines(text: str, hashrate: float) -> None:
    assert parse(text, "f").hashrate == hashrate


@pytest.mark.parametrize("text", ["12\nabc\n", "1,5\n", "\x00\x00\x00", "12 13\n", "0x12\n"])
def test_a_line_that_is_no_number_is_an_error(text: str) -> None:
    with pytest.raises(SourceError, match="is not a number"):
        parse(text, "f")


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="0202001: cannot be read"):
        _source(tmp_path / "0202001").read()


@pytest.mark.parametrize("content", [b"", b"\n\n", b"   "])
def test_an_empty_file_is_an_error_and_not_0(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "0202001"
    path.write_bytes(content)
    with pytest.raises(HalfWrittenError, match="is empty"):
        _source(path).read()


def test_a_stale_file_is_an_error(tmp_path: Path) -> None:
    path, clock = tmp_path / "0202001", FakeClock()
    path.write_text("100\n")
    source = _source(path, clock)
    clock.move(60)
    assert source.read().hashrate == 100.0
    clock.move(1)
    with pytest.raises(SourceError, match="written 61 s ago"):
        source.read()


def test_a_last_line_that_is_cut_off_is_not_taken_for_a_number(tmp_path: Path) -> None:
    path, clock = tmp_path / "0202001", FakeClock()
    path.write_text("1000\n2000\n")
    source = _source(path, clock)
    assert source.read().hashrate == 3000.0
    path.write_text("1000\n20")
    _written(path, clock)
    with pytest.raises(HalfWrittenError, match="not finished"):
        source.read()


def test_a_miner_that_never_ends_its_last_line_is_read_all_the_same(tmp_path: Path) -> None:
    path, clock = tmp_path / "0202001", FakeClock()
    path.write_text("1000\n2000")
    source = _source(path, clock)
    assert source.read().hashrate == source.read().hashrate == 3000.0


def test_a_file_that_is_whole_a_moment_later_is_read(tmp_path: Path) -> None:
    path, clock = tmp_path / "0202001", FakeClock()
    path.write_text("")
    source = _source(path, clock)
    readings: list[float | None] = []
    thread = threading.Thread(target=lambda: readings.append(source.read().hashrate))
    thread.start()
    other = path.with_name("other")
    other.write_text("55\n")
    _written(other, clock)
    other.replace(path)
    thread.join(5)
    assert readings == [55.0]


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "0202001"
    path.write_bytes(b"1\n" * 40_000)
    with pytest.raises(SourceError, match="not a file of hashrates"):
        _source(path).read()


def test_a_file_that_is_written_line_by_line_never_gives_a_part_of_the_sum(tmp_path: Path) -> None:
    path, stop = tmp_path / "0202001", threading.Event()
    path.write_text("1000\n" * 4)

    written = 0

    def mine() -> None:
        nonlocal written
        while not stop.wait(0.15):
            with path.open("w", encoding="ascii") as file:
                for _ in range(4):
                    file.write("1000\n")
                    file.flush()
                    stop.wait(0.003)
            written += 1

    settings = HashfileSettings(path=str(path))
    source = HashfileSource(settings, Context(NodeId("main", "rig07"), SystemClock()))
    thread = threading.Thread(target=mine)
    thread.start()
    try:
        sums = set()
        while written < 8:
            sums.add(source.read().hashrate)
        assert sums == {4000.0}
    finally:
        stop.set()
        thread.join(5)
