"""One part of the installation as a process: killed, stopped and started again, here or on another machine."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.processes import Program, Rigwatch


@dataclass(slots=True)
class Part:
    """`wanted` while it is meant to run; `ended_by_itself` are the last words of each time it did not."""

    command: tuple[str, ...]
    rigwatch: Rigwatch
    program: Program | None = None
    wanted: bool = False
    ended_by_itself: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        return self.rigwatch.home

    @property
    def runs(self) -> bool:
        return self.program is not None and self.program.is_running()

    def start(self) -> None:
        self.program = self.rigwatch.start(*self.command)
        self.wanted = True

    def kill(self) -> None:
        self.wanted = False
        if self.program is not None:
            self.program.kill()

    def stop(self) -> None:
        self.wanted = False
        if self.program is not None and self.program.is_running():
            self.program.terminate(timeout=30)

    def has_ended(self) -> bool:
        """Whether it ended although it is meant to run; that is noted."""
        if not self.wanted or self.runs:
            return False
        assert self.program is not None
        self.ended_by_itself.append(self.program.text()[-1000:])
        self.wanted = False
        return True
