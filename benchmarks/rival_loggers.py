"""What else keeps what comes over MQTT: mqtt-logger and mqtt-exporter from PyPI, on the same Mosquitto.

Each is installed once, by name, into an environment of its own under `.bench/`. They are given plain JSON of the same
figures and about the same size, since neither opens what is sealed; they subscribe at QoS 0, as they come.
"""

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
import venv
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psutil

from benchmarks.brokers import mosquitto
from benchmarks.generator import generating, line, say
from benchmarks.subscribers import cpu
from benchmarks.tables import table
from tests.ports import free_port
from tests.waiting import eventually

ENVIRONMENTS = Path(__file__).resolve().parent.parent / ".bench"
PUBLISHERS = 100
_QUIET_S = 12.0
"""When nothing more is kept for so long, the rest is lost."""
_RECORD = """
import sys, time, mqtt_logger
mqtt_logger.Recorder(sys.argv[1], ["rig/+/report"], "127.0.0.1", port=int(sys.argv[2])).start()
while True: time.sleep(60)
"""


@dataclass(frozen=True, slots=True)
class Program:
    """A running one; `kept` says how many messages it has."""

    process: psutil.Process
    kept: Callable[[], int]


Start: TypeAlias = Callable[[Path, Path, int], AbstractContextManager[Program]]


def measured(messages: int) -> str:
    """The table; a program that cannot be installed has its row, and the reason in it."""
    rows = [_row(name, what, start, messages) for name, what, start in _RIVALS]
    head = ("program", "keeps", "messages/s", "kept", "CPU µs a message", "MB, peak")
    return (
        f"Others on the same Mosquitto, {messages:,} messages from {PUBLISHERS} publishers that wait for each "
        "acknowledgement of the broker:\n\n" + table(head, rows)
    )


def _row(name: str, what: str, start: Start, messages: int) -> tuple[str, ...]:
    try:
        python = _environment(name)
    except (subprocess.CalledProcessError, OSError) as exc:
        return name, what, f"could not be installed ({exc})", "", "", ""
    with ExitStack() as stack:
        broker = stack.enter_context(mosquitto())
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-bench-")))
        program = stack.enter_context(start(python, folder, broker.port))
        nodes = [
            {"user": "bench", "password": "", "client_id": f"n{number}", "topic": f"rig/n{number}/report"}
            for number in range(PUBLISHERS)
        ]
        order = {"do": "plain", "port": broker.port, "nodes": nodes, "window": 1, "count": messages // PUBLISHERS}
        process = stack.enter_context(generating("report_load", order))
        line(process)
        before, began = cpu(program.process), time.perf_counter()
        say(process)
        sent = int(json.loads(line(process))["sent"])
        kept, seconds = _settled(program, sent, began)
        spent = (cpu(program.process) - before) / max(1, kept) * 1e6
        peak = program.process.memory_info().rss / 2**20
    return name, what, f"{kept / seconds:,.0f}", f"{kept:,} of {sent:,}", f"{spent:.0f}", f"{peak:.0f}"


def _settled(program: Program, sent: int, began: float) -> tuple[int, float]:
    """How many it kept, and when it had them."""
    kept, at = 0, time.perf_counter()
    while kept < sent and time.perf_counter() - at < _QUIET_S:
        # Seldom: who reads its file keeps it from writing.
        time.sleep(0.5)
        now = program.kept()
        if now > kept:
            kept, at = now, time.perf_counter()
    return kept, at - began


@contextmanager
def _logger(python: Path, folder: Path, port: int) -> Iterator[Program]:
    file = folder / "log.db"
    with _running([str(python), "-c", _RECORD, str(file), str(port)], folder, port) as process:
        yield Program(process, lambda: _rows(file))


@contextmanager
def _exporter(python: Path, folder: Path, port: int) -> Iterator[Program]:
    page = free_port()
    environment = {
        "MQTT_PORT": str(port), "MQTT_TOPIC": "rig/+/report", "LOG_LEVEL": "WARNING", "PROMETHEUS_PORT": str(page),
        "PROMETHEUS_ADDRESS": "127.0.0.1",
    }  # fmt: skip
    with _running([str(python.parent / "mqtt-exporter")], folder, port, environment) as process:
        yield Program(process, lambda: _counted(page))


_RIVALS = (
    ("mqtt-logger", "each message, a row in SQLite", _logger),
    ("mqtt-exporter", "the last values, in memory", _exporter),
)


@contextmanager
def _running(
    command: list[str], folder: Path, port: int, environment: dict[str, str] | None = None
) -> Iterator[psutil.Process]:
    with (folder / "program.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, **(environment or {})})
    try:
        found = psutil.Process(process.pid)
        eventually(
            lambda: any(
                each.status == psutil.CONN_ESTABLISHED and each.raddr.port == port
                for each in found.net_connections("tcp")
            ),
            timeout=20,
            what=command[0],
        )
        # Its subscription is not announced anywhere.
        time.sleep(1)
        yield found
    finally:
        process.kill()
        process.wait()


def _environment(name: str) -> Path:
    """The Python that has the package."""
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, clear=True, with_pip=True)
        print(f"installing {name}", file=sys.stderr, flush=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", name], check=True, capture_output=True, timeout=300)
        (folder / "installed").touch()
    return python


def _rows(file: Path) -> int:
    try:
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=5)) as connection:
            # The number of the last row, which costs no walk.
            return int(connection.execute("SELECT coalesce(max(ID), 0) FROM LOG").fetchone()[0])
    except sqlite3.OperationalError:
        # It is writing; the next look will tell.
        return 0


def _counted(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    return round(sum(float(each.rpartition(" ")[2]) for each in lines if each.startswith("mqtt_message_total{")))
