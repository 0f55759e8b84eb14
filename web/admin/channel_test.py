"""A test message through every channel, sent by a process of its own: a channel that hangs holds no page up."""

import logging
import os
import subprocess
import threading
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from rigwatch.clock import Clock, Millis
from rigwatch.errors import NotDone
from rigwatch.home import Home
from rigwatch.process import own_command, own_environment
from web.language.texts import N_
from web.language.texts import gettext as _

log = logging.getLogger(__name__)

LIMIT_S: Final = 60
"""After this the test is ended; what a channel was doing then is not known."""


class Result(msgspec.Struct, frozen=True):
    """What became of the message to one channel; `why` is what the other side said."""

    channel: str
    ok: bool
    why: str = ""


@dataclass(frozen=True, slots=True)
class Test:
    """One test, of all channels where `channel` is empty. `ended_at` None = it is running; `problem` is why there is no
    result, or not every one."""

    begun_at: Millis
    channel: str = ""
    ended_at: Millis | None = None
    results: tuple[Result, ...] = ()
    problem: str = ""


class ChannelTest:
    """Runs `rigwatch test-alert`, one at a time, and keeps what the latest one found, in this process."""

    def __init__(self, home: Home, clock: Clock) -> None:
        self._home = home
        self._clock = clock
        self._lock = threading.Lock()
        self._latest: Test | None = None
        self._results: dict[str, tuple[Result, Millis]] = {}

    def latest(self) -> Test | None:
        return self._latest

    def result(self, channel: str) -> tuple[Result, Millis] | None:
        """The latest of one channel, and when that test was begun; None where none has ended in this process."""
        return self._results.get(channel)

    def begin(self, channel: str = "") -> None:
        """Of all where it is empty. Returns at once; `NotDone` while one is running."""
        with self._lock:
            if self._latest and self._latest.ended_at is None:
                raise NotDone(_("A test is running already; its results come within a minute."))
            begun = self._latest = Test(self._clock.now(), channel)
        threading.Thread(target=self._run, args=(begun,), name="channel test", daemon=True).start()

    def _run(self, begun: Test) -> None:
        ended = begun
        try:
            ended = self._tested(begun)
        except (OSError, subprocess.SubprocessError) as exc:
            log.warning("channel test failed why=%s", exc)
            ended = replace(begun, problem=N_("The test did not end as it should; the log of the dashboard says why."))
        finally:
            self._results |= {each.channel: (each, begun.begun_at) for each in ended.results}
            # Whatever happened, the next test can be begun.
            self._latest = replace(ended, ended_at=self._clock.now())

    def _tested(self, begun: Test) -> Test:
        command = own_command(
            f"--home={self._home.path}",
            "test-alert",
            "--json",
            *([f"--channel={begun.channel}"] if begun.channel else []),
        )
        problem = ""
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                env=own_environment(os.environ),
            )
            out, err = done.stdout, done.stderr
        except subprocess.TimeoutExpired as exc:
            out, err = exc.stdout or b"", b""
            problem = f"Not every channel answered within {LIMIT_S} s."
        results = tuple(result for line in out.splitlines() if (result := _result(line)))
        if not results and not problem:
            # One line for people, by the rules of the command line: nothing secret is in it.
            problem = err.decode(errors="replace").strip().removeprefix("rigwatch: ") or N_("No channel was tried.")
        return replace(begun, results=results, problem=problem)


def _result(line: bytes) -> Result | None:
    """None for what a service's own code has printed in between."""
    try:
        return msgspec.json.decode(line, type=Result)
    except msgspec.MsgspecError:
        return None
