import asyncio
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from rigwatch.clock import Clock, SystemClock
from rigwatch.supervisor import PartFailed, SupervisedPart, Supervisor
from tests.fake_clock import FakeClock
from tests.waiting import eventually_async

# A part in miniature: it notes its process id, and ends when its standard input does.
STAYS = """
import os, sys
def note(text): open(sys.argv[1], "a").write(f"{text}\\n")
note(os.getpid()); sys.stdin.read(); note("stopped")
"""
FAILS = "import sys; open(sys.argv[1], 'a').write('tried\\n'); sys.exit(2)"
DIES = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
DEAF = "import os, sys, time; open(sys.argv[1], 'a').write(f'{os.getpid()}\\n')\nwhile True: time.sleep(60)"


def part(name: str, program: str, folder: Path) -> SupervisedPart:
    return SupervisedPart(name, [sys.executable, "-c", program, str(folder / name)])


def lines(folder: Path, name: str) -> list[str]:
    path = folder / name
    return path.read_text().split() if path.exists() else []


class Running:
    """A supervisor at work, and what a test asks of it."""

    def __init__(
        self, parts: Sequence[SupervisedPart], *, stop_within: float = 10.0, clock: Clock | None = None
    ) -> None:
        self.stop = asyncio.Event()
        self.started = asyncio.Event()
        supervisor = Supervisor(parts, clock=clock or SystemClock(), environ=os.environ, stop_within=stop_within)
        self.task = asyncio.create_task(supervisor.run(self.stop, started=self.started.set))


async def test_it_starts_a_killed_part_again(tmp_path: Path) -> None:
    running = Running([part("one", STAYS, tmp_path)])
    await eventually_async(lambda: len(lines(tmp_path, "one")) == 1)
    psutil.Process(int(lines(tmp_path, "one")[0])).kill()
    await eventually_async(lambda: len(lines(tmp_path, "one")) == 2)
    running.stop.set()
    await running.task
    assert lines(tmp_path, "one")[-1] == "stopped"


async def test_it_waits_longer_after_each_death_up_to_half_a_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clock = FakeClock()
    running = Running([part("one", DIES, tmp_path)], clock=clock)
    waits = [0.5, 1, 2, 4, 8, 16, 30, 30]
    for deaths, seconds in enumerate(waits, 1):
        said = await eventually_async(lambda: re.findall(r"in=([\d.]+)s", caplog.text)[deaths - 1 :])  # noqa: B023 - awaited at once
        assert [float(each) for each in said] == [seconds]
        await clock.advance(seconds)
    running.stop.set()
    await running.task


async def test_it_stops_all_when_a_part_says_no_at_its_first_start(tmp_path: Path) -> None:
    running = Running([part("good", STAYS, tmp_path), part("bad", FAILS, tmp_path)])
    with pytest.raises(PartFailed, match="bad could not start") as failure:
        await running.task
    assert failure.value.exit_code == 2
    assert lines(tmp_path, "bad") == ["tried"]
    assert not [pid for pid in lines(tmp_path, "good") if pid.isdecimal() and psutil.pid_exists(int(pid))]


async def test_it_says_no_when_a_part_cannot_be_started(tmp_path: Path) -> None:
    running = Running([part("good", STAYS, tmp_path), SupervisedPart("gone", [str(tmp_path / "no such program")])])
    with pytest.raises(PartFailed, match="gone could not start"):
        await running.task


async def test_it_starts_a_part_again_whose_program_was_away_for_a_moment(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    program = tmp_path / "python"
    program.symlink_to(sys.executable)
    running = Running([SupervisedPart("one", [str(program), "-S", "-c", STAYS, str(tmp_path / "one")])])
    await eventually_async(lambda: len(lines(tmp_path, "one")) == 1)
    program.unlink()
    psutil.Process(int(lines(tmp_path, "one")[0])).kill()
    await eventually_async(lambda: "cannot be started" in caplog.text)
    program.symlink_to(sys.executable)
    await eventually_async(lambda: len(lines(tmp_path, "one")) == 2)
    running.stop.set()
    await running.task


async def test_it_stops_parts_in_the_opposite_order(tmp_path: Path) -> None:
    order = tmp_path / "order"
    program = "import sys; open(sys.argv[2], 'w'); sys.stdin.read(); open(sys.argv[1], 'a').write(sys.argv[2][-1])"
    parts = [
        SupervisedPart(name, [sys.executable, "-c", program, str(order), str(tmp_path / name)])
        for name in ("a", "b", "c")
    ]
    running = Running(parts)
    await eventually_async(lambda: all((tmp_path / name).exists() for name in "abc"))
    running.stop.set()
    await running.task
    assert order.read_text() == "cba"


async def test_it_kills_a_part_that_does_not_stop(tmp_path: Path) -> None:
    running = Running([part("deaf", DEAF, tmp_path)], stop_within=0.2)
    await eventually_async(lambda: len(lines(tmp_path, "deaf")) == 1)
    running.stop.set()
    await running.task
    assert not psutil.pid_exists(int(lines(tmp_path, "deaf")[0]))


async def test_it_stops_before_all_parts_were_started(tmp_path: Path) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    waits = SupervisedPart("waits", part("waits", STAYS, tmp_path).command, never)
    running = Running([waits, part("later", STAYS, tmp_path)])
    await eventually_async(lambda: len(lines(tmp_path, "waits")) == 1)
    running.stop.set()
    await running.task
    assert lines(tmp_path, "waits")[-1] == "stopped"
    assert not lines(tmp_path, "later")
    assert not running.started.is_set()
