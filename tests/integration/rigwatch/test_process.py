import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rigwatch.process import ECHO, SUPERVISED
from tests.processes import clean_environment, start_program

# A part in miniature: takes two seconds to stop unless it is made to stop at once.
SLOW = """
import asyncio, sys
from rigwatch import process
async def main(stop):
    print("started", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    await asyncio.sleep(float(sys.argv[1]))
    print("stopped", flush=True)
process.run(main)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order_even_when_it_comes_twice_at_once(tmp_path: Path, number: signal.Signals) -> None:
    program = start_program([sys.executable, "-c", SLOW, "0.2"], tmp_path, name="part")
    program.wait_for("started")
    os.kill(program.pid, number)
    os.kill(program.pid, number)
    assert program.wait() == 0
    assert program.text().split() == ["started", "stopping", "stopped"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows knows no SIGTERM")
def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    program = start_program([sys.executable, "-c", SLOW, "60"], tmp_path, name="part")
    program.wait_for("started")
    os.kill(program.pid, signal.SIGTERM)
    program.wait_for("stopping")
    with pytest.raises(subprocess.TimeoutExpired):
        program.process.wait(timeout=ECHO + 0.2)
    os.kill(program.pid, signal.SIGTERM)
    assert program.wait() == 1
    assert "stopped" not in program.text()


def test_it_stops_when_its_supervisor_dies(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as log:
        part = subprocess.Popen(
            [sys.executable, "-c", SLOW, "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env=clean_environment({SUPERVISED: "1"}),
        )
    assert part.stdout is not None
    assert part.stdout.readline() == b"started\n"
    part.communicate(timeout=15)  # closes its standard input, as the death of a supervisor does
    assert part.returncode == 0
