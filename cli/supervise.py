"""Supervises the parts in a process that holds nothing else, `python -P -m cli.supervise FILE-NUMBER`.

`up` and `serve` become it once they have looked whether all is well, for which they load what a server is made of.
"""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from filelock import Timeout

from rigwatch import interrupt, logs, process, program
from rigwatch.clock import SystemClock
from rigwatch.errors import RigwatchError
from rigwatch.home import Home
from rigwatch.lock import private_lock
from rigwatch.supervisor import SupervisedPart, Supervisor, port_answers
from rigwatch.texts import visible_lines


@dataclass(frozen=True, slots=True)
class PlannedPart:
    """A process; with a `port` those after it wait until somebody listens there, on `host`."""

    name: str
    command: list[str]
    host: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Supervision:
    """What to run and to say. `greeting` may hold the first password, and `unseen` the file that kept it until then."""

    home: str
    debug: bool
    parts: list[PlannedPart]
    greeting: str
    unseen: str

    @classmethod
    def decode(cls, text: bytes) -> Self:
        found = json.loads(text)
        found["parts"] = [PlannedPart(**each) for each in found["parts"]]
        return cls(**found)

    def encode(self) -> bytes:
        return json.dumps(asdict(self)).encode()


def become(supervision: Supervision) -> None:
    """Never returns, but on Windows, where a process cannot become another, and runs the parts itself."""
    if sys.platform == "win32":
        run(supervision)
        return
    sys.stdout.flush()
    sys.stderr.flush()
    # By a pipe: everybody may read a command line.
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(supervision.encode())
    command = [sys.executable, "-P", "-m", "cli.supervise", str(reading)]
    os.execve(sys.executable, command, process.own_environment(os.environ))  # noqa: S606 - no shell is wanted


def run(supervision: Supervision) -> None:
    """Until it is told to stop. Raises `RigwatchError`."""
    clock = SystemClock()
    parts = [
        SupervisedPart(each.name, each.command, port_answers(each.host, each.port, clock=clock) if each.port else None)
        for each in supervision.parts
    ]
    supervisor = Supervisor(parts, clock=clock, environ=os.environ)

    def started() -> None:
        sys.stdout.write(f"{visible_lines(supervision.greeting)}\n")
        sys.stdout.flush()
        if supervision.unseen:
            Path(supervision.unseen).unlink(missing_ok=True)

    async def main(stop: asyncio.Event) -> None:
        await supervisor.run(stop, started=started)

    logs.to_stderr("supervisor", debug=supervision.debug)
    with alone(Home(Path(supervision.home))):
        process.run(main)


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Holds the home for this supervisor: the parts of a second one would take the first one's connections away."""
    home.prepare()
    try:
        with private_lock(home.supervisor_lock, timeout=0):
            yield
    except Timeout:
        advice = "stop it first, or use another --home"
        raise RigwatchError(
            f"home {home.path}: 'rigwatch up' or 'rigwatch serve' runs here already; {advice}"
        ) from None


def _main(number: int) -> None:
    try:
        interrupt.repeat_until_heard()
        with os.fdopen(number, "rb") as pipe:
            supervision = Supervision.decode(pipe.read())
        program.run(lambda: run(supervision), lambda: supervision.debug)
    except KeyboardInterrupt:
        sys.exit(interrupt.INTERRUPTED)
    finally:
        interrupt.over()


if __name__ == "__main__":
    _main(int(sys.argv[1]))
