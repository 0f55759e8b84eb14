"""A part as a real process: how it is stopped, by whom, and with which exit code."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rigwatch.process import ECHO
from tests.processes import clean_environment
from tests.waiting import eventually

HEAD = "import asyncio, sys\nfrom rigwatch.process import run\n"
UNTIL_STOPPED = """
async def main(stop):
    print("ready", flush=True)
    await stop.wait()
    print("stopped", flush=True)
"""
NEVER = """
async def main(stop):
    print("ready", flush=True)
    await stop.wait()
    print("stopping", flush=True)
    await asyncio.Event().wait()
"""
FAILING = """
async def main(stop):
    raise ZeroDivisionError("as it is")
"""


@contextmanager
def running(main: str, *, supervised: bool = False) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HEAD}{main}\nrun(main)"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        env=clean_environment({"RIGWATCH_SUPERVISED": "1"} if supervised else {}),
    )
    try:
        yield process
    finally:
        process.kill()
        # Closes the pipes and waits.
        with process:
            pass


def read_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_in_order(number: signal.Signals) -> None:
    with running(UNTIL_STOPPED) as process:
        assert read_line(process) == "ready\n"
        process.send_signal(number)
        assert process.communicate(timeout=20) == ("stopped\n", "")
        assert process.returncode == 0


def test_a_second_signal_ends_it_at_once_unless_it_is_an_echo_of_the_first() -> None:
    with running(NEVER) as process:
        assert read_line(process) == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert read_line(process) == "stopping\n"
        began = time.monotonic()

        def signal_again() -> bool:
            process.send_signal(signal.SIGTERM)
            return process.poll() is not None

        eventually(signal_again)
        assert process.returncode == 1
        assert time.monotonic() - began > ECHO / 2


def test_the_death_of_its_supervisor_stops_it_in_order() -> None:
    with running(UNTIL_STOPPED, supervised=True) as process:
        assert read_line(process) == "ready\n"
        assert process.stdin
        process.stdin.close()
        assert read_line(process) == "stopped\n"
        assert process.wait(timeout=20) == 0


def test_without_a_supervisor_the_end_of_standard_input_means_nothing() -> None:
    with running(UNTIL_STOPPED) as process:
        assert read_line(process) == "ready\n"
        assert process.stdin
        process.stdin.close()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(timeout=0.3)
        process.terminate()
        assert process.wait(timeout=20) == 0


def test_an_error_passes_through() -> None:
    with running(FAILING) as process:
        _, said = process.communicate(timeout=20)
        assert "ZeroDivisionError: as it is" in said
        assert process.returncode == 1


def test_a_signal_during_the_last_moments_does_no_harm() -> None:
    late = "import os, signal\n" + UNTIL_STOPPED.replace("await stop.wait()", "pass")
    with running(f"{late}\nrun(main)\nos.kill(os.getpid(), signal.SIGTERM)\nasync def main(stop): pass") as process:
        _, said = process.communicate(timeout=20)
        assert said == ""
        assert process.returncode in (0, 1)


@pytest.mark.parametrize(("supervised", "ready", "code"), [(True, True, 3), (True, False, 2), (False, True, 2)])
def test_a_part_that_was_ready_ends_with_a_code_that_says_so(
    tmp_path: Path, *, supervised: bool, ready: bool, code: int
) -> None:
    script = (
        "import sys; from rigwatch import process; from cli import main;"
        f"{'process.ready();' if ready else ''}"
        f"sys.argv = ['rigwatch', '--home', {str(tmp_path)!r}, 'test-alert']; main()"
    )
    env = clean_environment({"RIGWATCH_SUPERVISED": "1"} if supervised else {})
    done = subprocess.run([sys.executable, "-c", script], env=env, check=False, timeout=60, capture_output=True)
    assert done.returncode == code, done.stderr
