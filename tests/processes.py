"""Real programs as a test starts them: output in files, ended by their id, and proof that nothing is left."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

import psutil
import pytest

from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
_STOP_S = 15.0
_COMMAND_S = 60.0
# What a program needs of this machine; everything else of the developer's environment stays outside.
_KEPT = ("PATH", "SYSTEMROOT", "TMPDIR", "TEMP", "TMP", "CI")


@dataclass(slots=True)
class Program:
    """A running program; `output` and `log` are the files of what it writes to stdout and stderr."""

    name: str
    process: subprocess.Popen[bytes]
    output: Path
    log: Path
    _family: list[psutil.Process] = field(default_factory=list, repr=False)

    @property
    def pid(self) -> int:
        return self.process.pid

    def text(self) -> str:
        """All that it has written so far: stdout, then stderr."""
        return "".join(path.read_text(encoding="utf-8", errors="replace") for path in (self.output, self.log))

    def is_running(self) -> bool:
        return self.process.poll() is None

    def wait_for(self, pattern: str, *, timeout: float = 20.0) -> re.Match[str]:
        """The first match of a regular expression in what it writes; fails at once when the program has ended."""

        def look() -> re.Match[str] | None:
            # Asked before the text is read, so that a program's last words still count.
            running = self.is_running()
            if not (found := re.search(pattern, self.text(), re.MULTILINE)) and not running:
                pytest.fail(
                    f"{self.name} ended with {self.process.returncode}, never wrote {pattern!r}:\n{self.text()}"
                )
            return found

        found = eventually(look, timeout=timeout, what=f"{self.name} writes {pattern!r}")
        assert found
        return found

    def wait(self, *, timeout: float = _STOP_S) -> int:
        """Wait until it ends by itself and return its exit code."""
        try:
            return self.process.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self.name} did not end within {timeout:g} s:\n{self.text()}")

    def terminate(self, *, timeout: float = _STOP_S) -> int:
        """Ask it to end (SIGTERM), wait, and return its exit code."""
        self._remember_family()
        self.process.terminate()
        return self.wait(timeout=timeout)

    def kill(self) -> None:
        """End it as a crash does, without a chance to tidy up, and wait until it is gone."""
        self._remember_family()
        self.process.kill()
        self.process.wait()

    def end(self) -> None:
        """Make sure that it and its children are gone; an AssertionError when it had to be forced."""
        forced = ""
        if self.is_running():
            self._remember_family()
            self.process.terminate()
            try:
                self.process.wait(timeout=_STOP_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                forced = f"{self.name} did not end when asked to"
        _, left = psutil.wait_procs(self._family, timeout=_STOP_S)
        for process in left:
            process.kill()
            forced = f"{self.name} left child processes running"
        assert not forced, f"{forced}:\n{self.text()}"

    def _remember_family(self) -> None:
        # Once the parent is gone nobody can say any more which processes were its children.
        try:
            self._family += psutil.Process(self.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return


def start_program(
    command: Sequence[str | Path],
    folder: Path,
    *,
    name: str = "",
    environment: Mapping[str, str] | None = None,
    text: str = "",
) -> Program:
    """Start a program in `folder`, where its output and log files go as well; `text` is on its stdin, and its end.

    The caller calls `end`.
    """
    name = name or Path(command[0]).name
    output, log = _fresh(folder, f"{name}.out"), _fresh(folder, f"{name}.log")
    with TemporaryFile() as stdin, output.open("wb") as out, log.open("wb") as err:
        stdin.write(text.encode())
        stdin.seek(0)
        process = subprocess.Popen(
            command, cwd=folder, stdin=stdin, stdout=out, stderr=err, env=clean_environment(environment)
        )
    return Program(name, process, output, log)


def clean_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """What a new machine's environment would be, and `more`; no setting of this one reaches the program."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {**kept, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT), **(more or {})}


@dataclass(slots=True)
class Rigwatch:
    """Runs `python -m rigwatch …` with a home of this test's own; `environment` reaches every command.

    `wrapper` is a program that runs another, with the arguments that come before that.
    """

    folder: Path
    home: Path
    environment: dict[str, str] = field(default_factory=dict)
    wrapper: Sequence[str] = ()
    started: list[Program] = field(default_factory=list)

    def start(self, *arguments: str | Path, home: Path | None = None, text: str = "") -> Program:
        """Start a command that stays; it is ended after the test, which fails if that takes force."""
        name = next((str(each) for each in arguments if not str(each).startswith("-")), "help")
        program = start_program(
            self._command(arguments),
            self.folder,
            name=f"rigwatch-{name}",
            environment=self._variables(home),
            text=text,
        )
        self.started.append(program)
        return program

    def run(
        self, *arguments: str | Path, home: Path | None = None, text: str = "", timeout: float = _COMMAND_S
    ) -> subprocess.CompletedProcess[str]:
        """Run a command to its end, `text` on its stdin; the caller looks at returncode, stdout and stderr."""
        return subprocess.run(
            self._command(arguments),
            cwd=self.folder,
            env=clean_environment(self._variables(home)),
            input=text,
            capture_output=True,
            encoding="utf-8",
            timeout=timeout,
            check=False,
        )

    def _command(self, arguments: Sequence[str | Path]) -> list[str | Path]:
        return [*self.wrapper, sys.executable, "-m", "rigwatch", *arguments]

    def _variables(self, home: Path | None) -> dict[str, str]:
        # HOME as well, so that nothing that looks for a user's folders finds the developer's.
        return {"RIGWATCH_HOME": str(home or self.home), "HOME": str(self.folder), **self.environment}


@pytest.fixture
def rigwatch(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Rigwatch]:
    """Starts and runs real `rigwatch` processes; their last words are part of a failed test's report."""
    commands = Rigwatch(tmp_path, tmp_path / "home")
    yield commands
    _end_all(commands.started, request.node.add_report_section)


def _end_all(programs: Sequence[Program], report: Callable[[str, str, str], None]) -> None:
    failures = []
    for program in reversed(programs):
        try:
            program.end()
        except AssertionError as failure:
            failures.append(str(failure))
        report("teardown", f"{program.name} (pid {program.pid})", program.text()[-20_000:])
    assert not failures, "\n".join(failures)


def _fresh(folder: Path, name: str) -> Path:
    """A file that no earlier program of the same name has written."""
    path, number = folder / name, 1
    while path.exists():
        number += 1
        path = folder / f"{number}-{name}"
    return path
