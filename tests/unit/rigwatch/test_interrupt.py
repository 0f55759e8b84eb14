"""Ctrl-C ends a program also where Python itself swallows it, and without a word."""

import os
import signal
import subprocess
import sys

import pytest

if sys.platform == "win32":
    pytest.skip("signals of a terminal", allow_module_level=True)

SWALLOWED = """
import sys, time
from rigwatch import interrupt

class Swallows:
    def __del__(self):
        # As in a callback of the import system: what is raised here is ignored.
        print("here", flush=True)
        time.sleep(60)

try:
    interrupt.repeat_until_heard()
    Swallows()
    time.sleep(60)
except KeyboardInterrupt:
    sys.exit(interrupt.INTERRUPTED)
finally:
    interrupt.over()
    # Were it repeated still, this would end by it.
    time.sleep(0.5)
"""


def test_an_interrupt_that_python_swallows_comes_again_and_says_nothing() -> None:
    with subprocess.Popen(
        [sys.executable, "-P", "-c", SWALLOWED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        assert program.stdout.readline() == "here\n"
        os.kill(program.pid, signal.SIGINT)
        _, said = program.communicate(timeout=30)
    assert (program.returncode, said) == (130, "")
