"""How much memory a small server takes: `rigwatch up` with ten nodes, idle.

Each part's PSS (what it has alone, and its share of what several have) and RSS, in MB. Linux only.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import psutil

from benchmarks.tables import replace_between, table
from rigwatch.home import Home
from store import open_store, reader
from tests.ports import free_ports, is_listening

NODES: Final = 10
_START_S: Final = 90.0
_MB: Final = 1_000_000


def main() -> None:
    options = _options()
    rows = measured(5.0 if options.short else options.rest)
    rows.append(("together", sum(pss for _, pss, _ in rows), sum(rss for _, _, rss in rows)))
    text = table(("part", "PSS, MB", "RSS, MB"), ((name, f"{pss:.1f}", f"{rss:.1f}") for name, pss, rss in rows))
    sys.stdout.write(f"{text}\n")
    if options.write:
        replace_between("memory", text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rest", type=float, default=45.0, help="seconds to wait once all nodes have reported")
    parser.add_argument("--short", action="store_true", help="a look instead of a record")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


def measured(rest: float) -> list[tuple[str, float, float]]:
    """Name, PSS and RSS of each process, in MB."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rigwatch-memory-")))
        mqtts, mqtt, web = free_ports(3)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("RIGWATCH_")},
            "RIGWATCH_HOME": str(folder / "home"),
            "RIGWATCH_BROKER__PORT": str(mqtts),
            "RIGWATCH_BROKER__PLAIN_PORT": str(mqtt),
            "RIGWATCH_WEB__PORT": str(web),
        }
        log = stack.enter_context((folder / "log").open("wb"))
        up = _started(stack, environment, log.fileno(), "up")
        _wait((folder / "home/nodes.json").exists, "the home is set up")
        _wait(lambda: is_listening(web), "the dashboard answers")
        _started(stack, environment, log.fileno(), "simulate", "--nodes", str(NODES - 1), "--interval", "5s")
        _wait(lambda: _reporting(Home(folder / "home")) >= NODES, "all nodes have reported")
        time.sleep(rest)
        return list(_rows(psutil.Process(up.pid)))


def _rows(supervisor: psutil.Process) -> Iterator[tuple[str, float, float]]:
    for process in (supervisor, *supervisor.children(recursive=True)):
        memory = process.memory_full_info()
        name = "up" if process.pid == supervisor.pid else process.cmdline()[-1]
        yield name, memory.pss / _MB, memory.rss / _MB


def _started(stack: ExitStack, environment: dict[str, str], log: int, *words: str) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-P", "-m", "rigwatch", *words]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    stack.callback(process.wait, timeout=30)
    stack.callback(process.terminate)
    return process


def _reporting(home: Home) -> int:
    with closing(open_store("sqlite:///rigwatch.db", home)) as store, store.read() as tx:
        return sum(facts.last_report_at is not None for facts in reader.nodes(tx))


def _wait(look: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _START_S
    while not look():
        if time.monotonic() > until:
            raise SystemExit(f"never happened: {what}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
