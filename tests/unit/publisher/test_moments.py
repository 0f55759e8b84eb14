"""A rig that boots in 1970: its samples are put right by how long the machine has been running."""

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.ingest import NodeSession, ReceivedMessage, ReportTaken, judge
from publisher.boot import Boot
from publisher.dispatch import Dispatch
from publisher.moments import NEVER_SET, TOLERANCE, Present, SampleMoment, put_right
from publisher.outbox import Limits, Outbox
from publisher.sources.reading import Reading
from publisher.summary import UnnumberedSample
from rigwatch.clock import Millis, SystemClock
from rigwatch.keys import NodeKey
from rigwatch.messages import Report, Sample
from rigwatch.topics import NodeId
from tests.fake_clock import START, FakeClock

NODE = NodeId("main", "rig07")
LIMITS = Limits(samples=1000, bytes=1_000_000)
MINUTE = 60_000
HISTORY = 2 * MINUTE + TOLERANCE
SINCE_1970 = 30_000
"""The wall clock of a rig half a minute after it was switched on."""


def decoded(texts: Mapping[int, bytes]) -> list[Sample]:
    return [msgspec.json.decode(text, type=Sample) for text in texts.values()]


class Rig:
    """A machine that is switched on and off; `clock` is its own, and starts in 1970 each time."""

    def __init__(self, path: Path | None = None, *, wall: Millis = SINCE_1970) -> None:
        self.path = path
        self.boots = 0
        self.switch_on(wall)

    def switch_on(self, wall: Millis = SINCE_1970) -> None:
        self.boots += 1
        self.clock = FakeClock(wall)
        self.outbox = self._open()

    def restart_publisher(self) -> None:
        self.outbox.close()
        self.outbox = self._open()

    def _open(self) -> Outbox:
        boot = Boot(f"boot{self.boots}", self.clock.monotonic)
        return Outbox(self.path, NODE, limits=LIMITS, clock=self.clock, boot=boot)

    def measure(self, hashrate: float, *, share_at: Millis | None = None) -> int:
        kept = self.outbox.append(UnnumberedSample(Reading(hashrate=hashrate, last_share_at=share_at)))
        self.clock.move(60)
        return kept.n

    def samples(self) -> list[Sample]:
        return decoded(self.outbox.load(list(self.outbox.pending())))

    def times(self) -> list[Millis]:
        return [each.at for each in self.samples()]


def stored(rig: Rig, received_at: Millis) -> ReportTaken:
    """What the subscriber makes of everything the rig sends now."""
    report = Report(session=received_at, sent_at=rig.clock.now(), samples=tuple(rig.samples()))
    taken = judge(ReceivedMessage(NODE, report, NodeKey(bytes(32)), received_at), NodeSession())
    assert isinstance(taken, ReportTaken)
    return taken


def test_it_dates_what_it_measured_before_its_clock_was_set() -> None:
    rig = Rig()
    numbers = [rig.measure(float(each)) for each in range(5)]
    rig.clock.set_wall(START)
    numbers.append(rig.measure(5.0))
    assert rig.times() == [START - 300_000 + each * MINUTE for each in range(5)] + [START]
    assert [each.hashrate for each in rig.samples()] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [each.n for each in rig.samples()] == numbers == sorted(set(numbers))


def test_the_subscriber_stores_them_at_their_time_and_knows_the_newest_for_the_present() -> None:
    rig = Rig()
    for each in range(5):
        rig.measure(float(each))
    rig.clock.set_wall(START)
    rig.measure(5.0)
    taken = stored(rig, rig.clock.now() + 20)
    assert [each.at for each in taken.samples] == [START - 300_000 + each * MINUTE for each in range(6)]
    assert [each.live for each in taken.samples] == [False] * 4 + [False, True]


def test_a_clock_that_is_still_wrong_at_sending_is_put_right_by_the_server() -> None:
    rig = Rig()
    for each in range(3):
        rig.measure(float(each))
    assert [each.at for each in stored(rig, START).samples] == [START - 180_000, START - 120_000, START - MINUTE]


def test_the_time_of_the_last_share_moves_with_its_sample() -> None:
    rig = Rig()
    rig.measure(1.0, share_at=SINCE_1970 - 4_000)
    rig.clock.set_wall(START)
    (sample,) = rig.samples()
    assert (sample.at, sample.last_share_at) == (START - MINUTE, START - MINUTE - 4_000)


@pytest.mark.parametrize("by", [-86_400_000, -3_000, 3_000, 86_400_000])
def test_a_clock_that_is_set_later_moves_them_again(by: int) -> None:
    rig = Rig(wall=START)
    rig.measure(1.0)
    rig.clock.set_wall(rig.clock.now() + by)
    assert rig.times() == [START + by]


def test_what_a_clock_drifts_and_is_slewed_changes_nothing() -> None:
    rig = Rig(wall=START)
    rig.measure(1.0)
    rig.clock.set_wall(rig.clock.now() + TOLERANCE)
    assert rig.times() == [START]


def test_a_publisher_that_was_started_again_in_the_same_boot_still_knows(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db")
    rig.measure(1.0)
    rig.restart_publisher()
    rig.measure(2.0)
    rig.clock.set_wall(START)
    rig.restart_publisher()
    assert rig.times() == [START - 120_000, START - MINUTE]


def test_what_was_put_right_is_on_the_disk_before_the_next_boot(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db")
    rig.measure(1.0)
    rig.clock.set_wall(START)
    rig.outbox.next_session()
    rig.measure(2.0)
    rig.outbox.close()
    rig.switch_on(START + 86_400_000)
    assert rig.times() == [START - MINUTE, START]


def test_of_an_earlier_boot_it_gives_the_latest_time_that_is_possible_as_history(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db")
    numbers = [rig.measure(float(each)) for each in range(3)]
    rig.outbox.close()
    rig.switch_on()
    rig.clock.move(30)
    rig.clock.set_wall(START)
    numbers.append(rig.measure(3.0))
    now = rig.clock.now()
    last, kept = START - HISTORY, rig.times()
    assert kept == [last - 120_000, last - MINUTE, last, START]
    assert [each.n for each in rig.samples()] == numbers == sorted(set(numbers))
    assert [each.live for each in stored(rig, now).samples] == [False, False, False, True]


def test_of_an_earlier_boot_nothing_is_dated_before_what_was_measured_before_it(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db", wall=START - MINUTE)
    known = rig.measure(1.0)
    rig.outbox.close()
    rig.switch_on()
    numbers = [rig.measure(float(each)) for each in range(30)]
    rig.outbox.close()
    rig.switch_on(START + 3_600_000)
    times = rig.times()
    assert times[0] == known
    assert times == sorted(times)
    assert all(at >= n for at, n in zip(times[1:], numbers, strict=True))


def test_samples_of_an_earlier_boot_wait_until_the_clock_is_set(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db", wall=START)
    rig.measure(1.0)
    rig.outbox.close()
    rig.switch_on()
    rig.measure(2.0)
    assert [each.hashrate for each in rig.samples()] == [2.0]
    assert not rig.outbox.is_set_free()
    rig.clock.set_wall(START + 600_000)
    assert rig.outbox.is_set_free()
    assert rig.times() == [START, START + 540_000]


def test_they_do_not_wait_for_ever(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db", wall=START)
    rig.measure(1.0)
    rig.outbox.close()
    rig.switch_on()
    rig.clock.move(3_601)
    # The server knows only that it is past, and keeps it as history.
    (sample,) = stored(rig, START + 7_200_000).samples
    assert (sample.at, sample.live) == (START + 7_200_000, False)


async def test_a_connection_that_stands_sends_them_once_the_clock_is_set(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db", wall=START)
    rig.measure(1.0)
    rig.outbox.close()
    rig.switch_on()
    with rig.outbox:
        dispatch = Dispatch(rig.outbox, clock=rig.clock)
        await dispatch.restart()
        assert await dispatch.next() is None
        rig.clock.set_wall(START + 600_000)
        outgoing = await dispatch.next()
        assert outgoing is not None
        assert [each.at for each in decoded(outgoing.samples)] == [START]


def test_an_outbox_of_an_older_version_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    written = [
        {"n": START + 1, "at": START + 1, "hashrate": 1.0},
        *({"n": START + 2 + each, "at": SINCE_1970 + each * MINUTE, "hashrate": 2.0 + each} for each in range(3)),
    ]
    with closing(sqlite3.connect(path)) as older:
        older.executescript(
            """
            PRAGMA journal_mode = WAL;
            CREATE TABLE sample (n INTEGER PRIMARY KEY, body BLOB NOT NULL);
            CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
            PRAGMA user_version = 1;
            """
        )
        older.executemany(
            "INSERT INTO sample VALUES (?, ?)", [(each["n"], msgspec.json.encode(each)) for each in written]
        )
        older.execute("INSERT INTO counter VALUES ('n', ?)", (START + 4,))
        older.commit()
    rig = Rig(path, wall=START + 3_600_000)
    assert [each.hashrate for each in rig.samples()] == [1.0, 2.0, 3.0, 4.0]
    latest = START + 3_600_000 - HISTORY
    assert rig.times() == [START + 1, latest - 120_000, latest - MINUTE, latest]
    assert rig.measure(5.0) > START + 4


def test_an_older_version_reads_what_this_one_has_kept(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db", wall=START)
    n = rig.measure(1.0)
    rig.outbox.close()
    with closing(sqlite3.connect(tmp_path / "outbox.db")) as older:
        ((body,),) = older.execute("SELECT body FROM sample").fetchall()
        assert older.execute("PRAGMA user_version").fetchone() == (1,)
    assert msgspec.json.decode(body, type=Sample) == Sample(n=n, at=START, hashrate=1.0)


def test_what_is_removed_after_it_was_put_right_is_gone_from_the_disk(tmp_path: Path) -> None:
    rig = Rig(tmp_path / "outbox.db")
    n = rig.measure(1.0)
    rig.clock.set_wall(START)
    assert rig.times()
    rig.outbox.forget([n])
    rig.restart_publisher()
    assert rig.samples() == []


def test_a_machine_tells_its_boots_apart_and_goes_on_in_one() -> None:
    first, second = Boot.of_machine(SystemClock()), Boot.of_machine(SystemClock())
    assert first.id
    before = first.elapsed()
    assert 0 <= second.elapsed() - before < 60
    if Path("/proc/sys/kernel/random/boot_id").exists():
        assert first.id == second.id


moments = st.builds(
    SampleMoment,
    n=st.integers(1, 2 * START),
    at=st.integers(0, 2 * START),
    boot=st.sampled_from(["", "a", "b", "here"]),
    since=st.integers(0, 10**10),
)


@given(st.lists(moments, max_size=12, unique_by=lambda each: each.n), st.integers(0, 2 * START), st.integers(0, 10**10))
def test_whatever_was_kept_no_moment_is_lost_negative_or_to_come(
    kept: list[SampleMoment], now: Millis, elapsed: Millis
) -> None:
    here = Present(now, "here", elapsed, HISTORY)
    corrected = put_right(kept, here)
    assert corrected.keys() <= {each.n for each in kept}
    assert all(0 <= each.at <= max(now, 0) for each in corrected.values())
    if now >= NEVER_SET + HISTORY:
        after = [corrected.get(each.n, each) for each in kept if each.boot != "here"]
        assert all(here.believes(each) or each.at < NEVER_SET for each in after)


def test_a_clock_that_is_not_the_machines_has_a_time_of_its_own() -> None:
    clock = FakeClock()
    boot = Boot.of_machine(clock)
    clock.move(5)
    assert boot.elapsed() == 5
    assert boot.id == Boot.of_process(clock).id != Boot.of_process(FakeClock()).id


def test_an_interval_of_hours_makes_history_older() -> None:
    clock = FakeClock(START)
    outbox = Outbox(None, NODE, limits=LIMITS, clock=clock, interval=timedelta(hours=3))
    outbox.append(UnnumberedSample(Reading(hashrate=1.0)))
    assert outbox._times.here().history == 6 * 3_600_000 + TOLERANCE
