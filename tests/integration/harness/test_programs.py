"""The programs that tests start are real, clean and gone afterwards; a test that leaves something behind fails."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from tests.processes import clean_environment, start_program

_SILENT = "import signal, threading; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up'); "
_FOR_EVER = "threading.Event().wait()"
_PARENT = (
    "import subprocess, sys, threading; "
    f"subprocess.Popen([sys.executable, '-c', 'import threading; {_FOR_EVER}']); print('up'); "
)


def test_it_waits_for_a_line_and_reports_the_exit_code(tmp_path: Path) -> None:
    program = start_program([sys.executable, "-c", "print('port=17'); raise SystemExit(3)"], tmp_path)
    assert program.wait_for(r"^port=(\d+)").group(1) == "17"
    assert program.wait() == 3
    program.end()


def test_a_line_that_can_no_longer_come_fails_at_once_with_the_output(tmp_path: Path) -> None:
    program = start_program([sys.executable, "-c", "raise SystemExit('no such port')"], tmp_path)
    with pytest.raises(pytest.fail.Exception, match="no such port"):
        program.wait_for("ready", timeout=60)


def test_it_starts_without_the_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RIGWATCH_WEB__PORT", "1")
    assert "RIGWATCH_WEB__PORT" not in clean_environment()
    assert clean_environment({"RIGWATCH_WEB__PORT": "2"})["RIGWATCH_WEB__PORT"] == "2"


@pytest.mark.skipif(os.name == "nt", reason="Windows ends a process without asking it")
def test_a_program_that_must_be_forced_is_a_failure_and_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.processes._STOP_S", 0.2)
    program = start_program([sys.executable, "-c", _SILENT + _FOR_EVER], tmp_path)
    program.wait_for("up")
    with pytest.raises(AssertionError, match="did not end when asked to"):
        program.end()
    assert not psutil.pid_exists(program.pid)


def test_a_child_left_behind_is_a_failure_and_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.processes._STOP_S", 0.2)
    program = start_program([sys.executable, "-c", _PARENT + _FOR_EVER], tmp_path)
    program.wait_for("up")
    children = psutil.Process(program.pid).children()
    program.kill()
    with pytest.raises(AssertionError, match="left child processes"):
        program.end()
    assert children
    psutil.wait_procs(children, timeout=10)
    assert not any(child.is_running() and child.status() != psutil.STATUS_ZOMBIE for child in children)
