"""A command as a person runs it: in a terminal, with what it shows, and with keys that are pressed."""

import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import clean_environment
from tests.waiting import eventually


@dataclass(slots=True)
class Terminal:
    """`process` is its foreground process; `shown` all that was written to it so far."""

    process: "subprocess.Popen[bytes]"
    keyboard: int
    screen: int
    shown: str = ""

    def type(self, text: str) -> None:
        """As a paste comes: bit by bit where the terminal takes no more at once."""
        raw, until = text.encode(), time.monotonic() + 10
        while raw and time.monotonic() < until:
            # Read meanwhile: a terminal that echoes stops taking keys when nobody reads.
            self._read()
            raw = raw[os.write(self.keyboard, raw[:512]) :]
        assert not raw, "the terminal took no more"

    def wait_for(self, text: str) -> str:
        def look() -> bool:
            self._read()
            return text in self.shown

        eventually(look, timeout=30.0, what=f"the terminal shows {text!r}; it shows {self.shown!r}")
        return self.shown

    def hides_keys(self) -> bool:
        """Whether what is typed is not shown."""
        return not termios.tcgetattr(self.keyboard)[3] & termios.ECHO

    def left(self) -> str:
        """What was typed and not taken: the shell would find it at its prompt."""
        return os.read(self.screen, 65_536).decode() if select.select([self.screen], [], [], 0)[0] else ""

    def _read(self) -> None:
        while select.select([self.keyboard], [], [], 0)[0]:
            try:
                part = os.read(self.keyboard, 65_536)
            except OSError:
                return
            if not part:
                return
            self.shown += part.decode(errors="replace")


@contextmanager
def terminal(folder: Path, *arguments: str, environment: Mapping[str, str]) -> Iterator[Terminal]:
    """Runs `rigwatch ARGUMENTS` in a terminal of its own; at the end it is asked to stop."""
    keyboard, screen = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "rigwatch", *arguments],
        cwd=folder,
        env=clean_environment(environment),
        stdin=screen,
        stdout=screen,
        stderr=screen,
        start_new_session=True,
    )
    try:
        yield Terminal(process, keyboard, screen)
    finally:
        process.terminate()
        process.wait(20)
        os.close(screen)
        os.close(keyboard)
