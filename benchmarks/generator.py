"""A load generator as a process: its order goes in as one line of JSON, its answers come out as lines."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

Process: TypeAlias = "subprocess.Popen[str]"


class Failed(Exception):
    """The generator did not finish."""


@contextmanager
def generating(module: str, order: Mapping[str, Any]) -> Iterator[Process]:
    """Runs `benchmarks.MODULE` with the order, and kills it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", f"benchmarks.{module}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: Process) -> str:
    """The next line it says."""
    assert process.stdout is not None
    text = process.stdout.readline()
    if not text:
        raise Failed("not done in two minutes")
    return text


def say(process: Process) -> None:
    """It may go on."""
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()
