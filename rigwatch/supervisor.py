"""Keeps the parts running as processes of their own: started in order, started again when they die, stopped in order.

A part is asked to stop by closing its standard input, which works alike on Linux and Windows, and which happens by
itself when the supervisor is killed: no orphan stays (`rigwatch.process` holds the other end).
"""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rigwatch.backoff import doubled
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.process import FAILED_LATER, SUPERVISED, own_environment
from rigwatch.thread import in_thread

log = logging.getLogger(__name__)

SETTLED = 5.0
"""Seconds after which a part counts as started: an error before that, at its first start, ends everything."""
STABLE = 60.0
"""Seconds after which earlier deaths of a part are forgotten."""
DELAY_FIRST = 0.5
"""Seconds before a part that died is started again; after each further death in short order twice as many."""
DELAY_MOST = 30.0
STOP_WITHIN = 15.0
"""Seconds that a part has to stop by itself; then it is killed."""
_NEVER_RAN = 1
LEAN = {"MALLOC_ARENA_MAX": "2", "MALLOC_TRIM_THRESHOLD_": "131072"}
"""For glibc: threads share two heaps, and what is free at the end of one goes back. Each part has several threads that
do little, and a heap for each holds what its busiest moment took."""


def is_final(code: int, *, ran: float, starts: int) -> bool:
    """Whether an exit means that starting again cannot help: it said no at its first start. A kill never does, nor does
    what ends a part that was ready once, however soon."""
    return code > 0 and code != FAILED_LATER and starts == 1 and ran < SETTLED


class PartFailed(RigwatchError):
    """A part could not start; it has said why in its own line."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} could not start, see its line above")
        self.exit_code = code


@dataclass(frozen=True, slots=True)
class SupervisedPart:
    """A process to keep running. `ready` returns once others may rely on it; it is waited for at the first start."""

    name: str
    command: Sequence[str]
    ready: Callable[[], Awaitable[None]] | None = None


class Supervisor:
    """Runs parts until it is told to stop."""

    def __init__(
        self,
        parts: Sequence[SupervisedPart],
        *,
        clock: Clock,
        environ: Mapping[str, str],
        stop_within: float = STOP_WITHIN,
    ) -> None:
        self._parts = parts
        self._clock = clock
        self._stop_within = stop_within
        self._environ = {**LEAN, **own_environment(environ), SUPERVISED: "1"}

    async def run(self, stop: asyncio.Event, *, started: Callable[[], None]) -> None:
        """Starts the parts one after the other, calls `started`, and returns once all have stopped.

        They stop in the opposite order. Raises `PartFailed` when one says no at its first start; the others are
        stopped then too.
        """
        keepers: list[_Keeper] = []
        try:
            for part in self._parts:
                keepers.append(_Keeper(part, self._environ, self._clock))
                await first_of(keepers[-1].ready(), stop.wait(), *(keeper.failed for keeper in keepers))
                if stop.is_set():
                    return
            started()
            await first_of(stop.wait(), *(keeper.failed for keeper in keepers))
        finally:
            for keeper in reversed(keepers):
                await keeper.stop(self._stop_within)


class _Keeper:
    """Keeps one part running."""

    def __init__(self, part: SupervisedPart, environ: Mapping[str, str], clock: Clock) -> None:
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._part = part
        self._environ = environ
        self._clock = clock
        self._stopping = False
        self._process: subprocess.Popen[bytes] | None = None
        self._task = asyncio.create_task(self._keep(), name=f"keep {part.name}")

    async def ready(self) -> None:
        if self._part.ready is not None:
            await self._part.ready()

    async def stop(self, within: float) -> None:
        """Asks the process to stop, waits, and kills it if it does not."""
        self._stopping = True
        process = self._process
        if process is None:
            self._task.cancel()
        else:
            _close_input(process)
            try:
                await asyncio.wait_for(asyncio.shield(self._task), within)
            except TimeoutError:
                log.warning("part did not stop in time, killed part=%s", self._part.name)
                process.kill()
        with suppress(asyncio.CancelledError):
            await self._task
        self.failed.cancel()

    def _is_stopping(self) -> bool:
        return self._stopping

    async def _keep(self) -> None:
        deaths = starts = 0
        while not self._is_stopping():
            since, starts = self._clock.monotonic(), starts + 1
            try:
                code = await self._run_once()
            except OSError as exc:
                # No memory for a process, or a Python that is being replaced: it is a death like any other.
                log.error("part cannot be started part=%s error=%s", self._part.name, exc.strerror or exc)
                code = _NEVER_RAN
            ran = self._clock.monotonic() - since
            if self._is_stopping():
                return
            if is_final(code, ran=ran, starts=starts):
                self.failed.set_exception(PartFailed(self._part.name, code))
                return
            deaths = 1 if ran >= STABLE else deaths + 1
            delay = doubled(deaths, first=DELAY_FIRST, most=DELAY_MOST)
            log.warning("part ended, starts again part=%s exit=%s in=%ss", self._part.name, code, f"{delay:g}")
            await self._clock.sleep(delay)

    async def _run_once(self) -> int:
        process = self._process = _spawn(self._part.command, self._environ)
        try:
            # A thread a part, because selector loops on Windows cannot wait for processes.
            return await in_thread(process.wait, name=f"wait {self._part.name}")
        finally:
            self._process = None
            _close_input(process)


def _spawn(command: Sequence[str], environ: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # A group of its own, so that Ctrl-C reaches the supervisor alone and the parts stop in order.
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(environ), creationflags=flags)
    return subprocess.Popen(command, stdin=subprocess.PIPE, env=dict(environ), start_new_session=True)


def _close_input(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with suppress(OSError):
            process.stdin.close()


def port_answers(host: str, port: int, *, clock: Clock, within: float = 20.0) -> Callable[[], Awaitable[None]]:
    """A `ready` that returns once somebody listens there, or after `within` seconds in any case."""

    async def wait() -> None:
        until = clock.monotonic() + within
        while clock.monotonic() < until:
            with suppress(OSError):
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                return
            await clock.sleep(0.05)

    return wait
