import sqlite3
from pathlib import Path

import msgspec
import pytest

from publisher.outbox import ERROR_NAME, Limits, Outbox
from publisher.outbox_file import OutboxBusyError, OutboxUnusableError
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START, FakeClock

NODE = NodeId("main", "rig07")
WIDE = Limits(samples=1000, bytes=1_000_000)


def _open(path: Path | None = None, *, clock: FakeClock | None = None, limits: Limits = WIDE) -> Outbox:
    return Outbox(path, NODE, limits=limits, clock=clock or FakeClock())


def _fill(outbox: Outbox, count: int) -> list[int]:
    return [outbox.append(UnnumberedSample(Reading(hashrate=float(i)))).n for i in range(count)]


def _all(outbox: Outbox) -> list[Sample]:
    return _loaded(outbox, list(outbox.pending()))


def _loaded(outbox: Outbox, numbers: list[int]) -> list[Sample]:
    return [msgspec.json.decode(text, type=Sample) for text in outbox.load(numbers).values()]


def test_a_sample_is_numbered_and_dated_by_the_clock() -> None:
    with _open() as outbox:
        kept = outbox.append(UnnumberedSample(Reading(hashrate=5.0), {"jsonrpc": "no answer"}))
        (sample,) = _all(outbox)
        assert (kept.n, sample.n, sample.at) == (START, START, START)
        assert (sample.hashrate, sample.errors) == (5.0, {"jsonrpc": "no answer"})


def test_numbers_rise_whatever_the_clock_says(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "outbox.db"
    with _open(path, clock=clock) as outbox:
        numbers = _fill(outbox, 3)
    clock.set_wall(START - 86_400_000)
    with _open(path, clock=clock) as outbox:
        numbers += _fill(outbox, 2)
    clock.set_wall(START + 1000)
    with _open(path, clock=clock) as outbox:
        numbers += _fill(outbox, 1)
    assert numbers == [START, START + 1, START + 2, START + 3, START + 4, START + 1000]


def test_numbers_are_not_used_again_after_everything_was_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        first = _fill(outbox, 2)
        outbox.forget(first)
    with _open(path) as outbox:
        assert not outbox.pending()
        assert _fill(outbox, 1)[0] > first[-1]


def test_samples_stay_until_they_are_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        first, second, third = _fill(outbox, 3)
        outbox.forget([second, 12345])
    with _open(path) as outbox:
        assert list(outbox.pending()) == [first, third]
        assert [sample.hashrate for sample in _all(outbox)] == [0.0, 2.0]


def test_a_session_that_no_clock_can_have_begun_is_not_gone_on_from(tmp_path: Path) -> None:
    with _open(tmp_path / "outbox.db", clock=FakeClock()) as outbox:
        outbox.raise_session_above(2**53)
        assert (outbox.next_session(), outbox.next_session()) == (START, START + 1)


def test_sessions_rise_across_restarts_and_above_what_the_subscriber_knows(tmp_path: Path) -> None:
    clock = FakeClock()
    path = tmp_path / "outbox.db"
    with _open(path, clock=clock) as outbox:
        assert (outbox.next_session(), outbox.next_session()) == (START, START + 1)
        outbox.raise_session_above(START + 500)
        outbox.raise_session_above(START + 100)
    with _open(path, clock=clock) as outbox:
        assert outbox.next_session() == START + 501
        clock.set_wall(START + 9000)
        assert outbox.next_session() == START + 9000


def test_the_oldest_go_when_there_are_too_many_and_the_next_sample_says_so() -> None:
    with _open(limits=Limits(samples=3, bytes=1_000_000)) as outbox:
        numbers = _fill(outbox, 3)
        kept = outbox.append(UnnumberedSample())
        assert kept.dropped == (numbers[0],)
        assert list(outbox.pending()) == [*numbers[1:], kept.n]
        assert _all(outbox)[-1].errors == {ERROR_NAME: "1 oldest samples dropped, the outbox is full"}


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    with _open(limits=Limits(samples=1000, bytes=500)) as outbox:
        _fill(outbox, 100)
        assert sum(outbox.pending().values()) <= 500
        assert len(outbox.pending()) > 1


def test_a_sample_larger_than_the_limit_is_kept_alone() -> None:
    with _open(limits=Limits(samples=10, bytes=20)) as outbox:
        _fill(outbox, 2)
        assert len(outbox.pending()) == 1


def test_what_was_dropped_is_said_once() -> None:
    with _open(limits=Limits(samples=2, bytes=1_000_000)) as outbox:
        numbers = _fill(outbox, 3)
        outbox.forget(numbers)
        outbox.append(UnnumberedSample())
        assert _all(outbox)[-1].errors == {}


def test_a_damaged_file_is_set_aside_and_a_new_one_begun(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"this is not a database" * 100)
    with _open(path) as outbox:
        _fill(outbox, 1)
    (aside,) = tmp_path.glob("outbox.db.damaged-*")
    assert aside.name == "outbox.db.damaged-20251009T085320Z"
    assert aside.read_bytes().startswith(b"this is not")
    assert "outbox damaged, a new one is begun" in caplog.text
    with _open(path) as outbox:
        assert len(outbox.pending()) == 1


@pytest.mark.parametrize("start", [0, 100, 4096, 8192])
def test_a_file_with_a_torn_page_is_set_aside(tmp_path: Path, start: int) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        _fill(outbox, 400)
    raw = bytearray(path.read_bytes())
    raw[start : start + 4096] = bytes(byte ^ 0xA5 for byte in raw[start : start + 4096])
    path.write_bytes(raw)
    with _open(path) as outbox:
        assert not outbox.pending()
        _fill(outbox, 1)
    assert list(tmp_path.glob("outbox.db.damaged-*"))


@pytest.mark.parametrize(
    "damaged",
    [
        b"nonsense",
        b"",
        b'{"n":1759999999999,"at":1759999999999}',
        b'{"n":%d,"at":%d,"pool":"\xff","boot":"a","since":1}' % (START, START),
        b'{"n":%d,"at":%d,"new":%b' % (START, START, b"[" * 100_000),
        b'{"n":%d,"at":%d,"hashrate":-1.0,"boot":"a","since":1}' % (START, START),
        7,
    ],
    ids=["no JSON", "empty", "another sample", "no UTF-8", "too deep", "out of bounds", "a number"],
)
def test_a_row_that_is_no_sample_is_left_out_and_removed(
    damaged: bytes | int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        first, second = _fill(outbox, 2)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE sample SET body = ? WHERE n = ?", (damaged, first))
    connection.commit()
    connection.close()
    with _open(path) as outbox:
        assert [sample.n for sample in _all(outbox)] == [second]
        assert "sample lost, its row is unreadable" in caplog.text
        outbox.forget([])
    with _open(path) as outbox:
        assert list(outbox.pending()) == [second]


@pytest.mark.parametrize("ending", [b"", b"\xff"], ids=["whole", "no UTF-8"])
def test_a_row_whose_type_is_damaged_costs_itself_at_most(ending: bytes, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        first, second = _fill(outbox, 2)
    connection = sqlite3.connect(path)
    # What one flipped bit of the row's head does.
    connection.execute("UPDATE sample SET body = CAST(CAST(body AS BLOB) || ? AS TEXT) WHERE n = ?", (ending, first))
    connection.commit()
    connection.close()
    with _open(path) as outbox:
        assert [sample.n for sample in _all(outbox)] == ([second] if ending else [first, second])


@pytest.mark.parametrize("damaged", ["x", 1.5e300, b"\xff", 2**62])
def test_a_counter_that_is_no_number_any_more_stops_no_publisher(damaged: object, tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        outbox.forget(_fill(outbox, 1))
        outbox.next_session()
    connection = sqlite3.connect(path)
    connection.execute("UPDATE counter SET value = ?", (damaged,))
    connection.commit()
    connection.close()
    with _open(path, clock=FakeClock()) as outbox:
        assert outbox.next_session() == START
        assert _fill(outbox, 2) == [START, START + 1]


def test_a_damaged_boot_costs_no_sample(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path) as outbox:
        (n,) = _fill(outbox, 1)
    connection = sqlite3.connect(path)
    connection.execute("UPDATE sample SET body = ?", (b'{"n":%d,"at":%d,"boot":"\xff","since":1}' % (n, n),))
    connection.commit()
    connection.close()
    with _open(path) as outbox:
        assert _all(outbox) == [Sample(n=n, at=n)]


def test_a_second_publisher_of_the_node_gets_one_clear_line(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path), pytest.raises(OutboxBusyError, match="main/rig07 is already published by another process"):
        _open(path)


def test_a_file_of_a_newer_version_is_refused_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    with _open(path):
        pass
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(OutboxUnusableError, match="newer rigwatch"):
        _open(path)
    assert not list(tmp_path.glob("*.damaged-*"))


def test_a_folder_that_cannot_be_made_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutboxUnusableError, match="cannot be made"):
        _open(tmp_path / "file" / "outbox.db")


def test_a_file_damaged_while_it_is_used_is_replaced_and_the_loss_is_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.db"
    long = {f"source-{i}": "x" * 200 for i in range(30)}
    with _open(path, limits=Limits(samples=2000, bytes=100_000_000)) as outbox:
        # More than SQLite's page cache holds, or it would not notice.
        numbers = [outbox.append(UnnumberedSample(Reading(), long)).n for _ in range(700)]
        outbox.raise_session_above(START + 50_000)
        with path.open("r+b") as file:
            file.write(b"\xa5" * path.stat().st_size)
        assert outbox.load(numbers) == {}
        assert not outbox.pending()
        kept = outbox.append(UnnumberedSample(Reading(hashrate=1.0)))
        assert _loaded(outbox, [kept.n])[0].errors == {ERROR_NAME: "700 samples lost with a damaged outbox"}
        assert "samples lost with a damaged outbox node=main/rig07 count=700" in caplog.text
    assert list(tmp_path.glob("outbox.db.damaged-*"))
    with _open(path) as outbox:
        assert list(outbox.pending()) == [kept.n]
        assert outbox.next_session() == START + 50_001, "the counters moved to the new file"


def test_what_comes_after_the_end_is_said_and_does_not_open_the_file_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.db"
    outbox = _open(path)
    outbox.close()
    outbox.append(UnnumberedSample())
    assert "samples lost, they came after the end node=main/rig07 count=1" in caplog.text
    with _open(path) as other:
        assert not other.pending()


def test_the_newest_sample_is_at_hand_as_it_is_on_the_disk() -> None:
    with _open() as outbox:
        first, second = _fill(outbox, 2)
        assert outbox.at_hand([second]) == outbox.load([second])
        assert [*outbox.at_hand([second])] == [second]
        assert outbox.at_hand([first]) == {}
        assert outbox.at_hand([first, second]) == {}
        outbox.forget([second])
        assert outbox.at_hand([second]) == {}


def test_a_sample_whose_time_is_to_be_put_right_is_not_at_hand() -> None:
    clock = FakeClock(30_000)
    with _open(clock=clock) as outbox:
        (n,) = _fill(outbox, 1)
        clock.set_wall(START)
        assert outbox.at_hand([n]) == {}
        assert [sample.at for sample in _all(outbox)] == [START]
        assert outbox.at_hand([n]) == {}
