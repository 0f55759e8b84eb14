"""How every part runs as a process: one loop, one stop event, and no life after its supervisor's death."""

import asyncio
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any

SUPERVISED = "RIGWATCH_SUPERVISED"
"""Set by the supervisor for its children: standard input is then a pipe whose end means that the supervisor died."""

FAILED_LATER = 3
"""What a supervised part ends with when it fails after it was ready: its supervisor starts it again, whereas 1 or 2 at
once after the first start means that it could not start."""

ECHO = 1.0
"""Seconds in which a second signal is the same wish twice: make, timeout and terminals signal a whole group, and the
one at its head passes the signal on."""


def own_command(*arguments: str) -> list[str]:
    """The command line that runs `rigwatch ARGUMENTS` with this same Python.

    `-P`: without it Python looks for every module in the folder one stands in first, and would run what lies there.
    """
    return [sys.executable, "-P", "-m", "rigwatch", *arguments]


def own_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for such a process: an entry of PYTHONPATH that is empty or relative is the folder one stands in
    again, left out here. Whoever writes `PYTHONPATH=$PYTHONPATH:/x` has one without knowing."""
    kept = dict(environ)
    if path := kept.pop("PYTHONPATH", ""):
        whole = [each for each in path.split(os.pathsep) if os.path.isabs(each)]  # noqa: PTH117 - a text, not a file
        if whole:
            kept["PYTHONPATH"] = os.pathsep.join(whole)
    return kept


def run(
    main: Callable[[asyncio.Event], Coroutine[Any, Any, None]],
    *,
    loop: Callable[[], asyncio.AbstractEventLoop] | None = None,
) -> None:
    """Runs `main(stop)` to its end; SIGTERM, SIGINT or the supervisor's death set `stop`.

    A second signal ends the process at once, as an impatient user expects, unless it comes within `ECHO` of the first.
    Errors of `main` pass through. `loop` makes the event loop, where a part needs one of its own kind.
    """
    with asyncio.Runner(loop_factory=loop or _usual_loop()) as runner:
        runner.run(_until_stopped(main))


def ask(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs something short inside a command to its end; Ctrl-C ends it, and the command, as everywhere else."""
    with asyncio.Runner(loop_factory=_usual_loop()) as runner:
        runner.run(work())


def _usual_loop() -> Callable[[], asyncio.AbstractEventLoop]:
    # paho's sockets are watched with add_reader, which only selector loops have (Windows' default has not).
    return asyncio.SelectorEventLoop if sys.platform == "win32" else asyncio.new_event_loop


_ready = False


def ready() -> None:
    """Said by a part once it does its work; whatever ends it afterwards is no failure to start."""
    global _ready  # noqa: PLW0603 - of this process, as its exit code is
    _ready = True


def code_of_failure(code: int) -> int:
    """What to end with, for a failure that alone would be `code`."""
    return FAILED_LATER if _ready and os.environ.get(SUPERVISED) else code


def raise_file_limit() -> None:
    """As many open files as the system allows: each client is one, and the usual soft limit is 1024."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415 - not there on Windows

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _until_stopped(main: Callable[[asyncio.Event], Coroutine[Any, Any, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    asked_at: list[float] = []

    def request_stop() -> None:
        if asked_at and loop.time() - asked_at[0] > ECHO:
            os._exit(1)
        asked_at.append(loop.time())
        stop.set()

    def from_outside(callback: Callable[[], None]) -> None:
        # A closed loop means that main has ended, which is all that was wanted.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(callback)

    for number in (signal.SIGTERM, signal.SIGINT):
        # add_signal_handler is missing on Windows; a plain handler only has to reach the loop from outside.
        signal.signal(number, lambda _number, _frame: from_outside(request_stop))
    if os.environ.get(SUPERVISED):
        _watch_supervisor(lambda: from_outside(stop.set))
    await main(stop)


def _watch_supervisor(on_death: Callable[[], object]) -> None:
    def wait() -> None:
        # The supervisor never writes, so the only thing that can be read is the end that its death leaves.
        os.read(0, 1)
        on_death()

    threading.Thread(target=wait, name="supervisor-watch", daemon=True).start()
