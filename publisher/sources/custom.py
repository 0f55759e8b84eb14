"""Sources of anyone's own: what a command prints, an address answers or a file holds, and where figures stand in it."""

import os
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, field

from publisher.sources.answers import Answers
from publisher.sources.hashfile import check_age, read_settled
from publisher.sources.http import request
from publisher.sources.mapping import Chart, reading_of
from publisher.sources.mending import loads, text_of
from publisher.sources.reading import Reading, SourceError
from publisher.sources.source import BlockingSource, Context, SourceSettings, Stale
from rigwatch.http import Address
from rigwatch.settings.loader import Secret

OUTPUT_MAX: Final = 1024 * 1024
_WORDS_MAX: Final = 120
Form = Literal["json", "prometheus", "text", "pairs"]


class ChartSettings(SourceSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`figures` says where each stands in what comes, `cards` the same of each card, `form` what it is written in."""

    form: Form = "json"
    figures: dict[str, str] = field(default_factory=dict)
    cards: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.figures and not self.cards:
            raise ValueError("figures should say where each figure stands, such as hashrate = 'total.rate MH/s'")
        self.chart()

    def chart(self) -> Chart:
        """Raises ValueError that names the figure."""
        return Chart.of({"figures": self.figures, "cards": self.cards}, form=self.form)


class ExecSettings(ChartSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`command` is a program with its arguments, run without a shell; one text is for the shell, if `shell` says so."""

    command: str | tuple[str, ...]
    shell: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.command, str) and not self.shell:
            raise ValueError("command should be a list, ['/path/to/program', 'argument']; a text needs shell = true")
        if self.shell and not isinstance(self.command, str):
            raise ValueError("with shell = true, command should be one text")
        if not self.command:
            raise ValueError("command should name a program")


class HttpSettings(ChartSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`url` may hold a login, which is never shown, as `headers` are not."""

    url: Secret
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        Address.parse(self.url)


class FileSettings(ChartSettings, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A file older than `stale` is an error."""

    path: Annotated[str, Meta(min_length=1)]
    stale: Stale = timedelta(minutes=5)


class ChartSource(BlockingSource):
    """What the sources of anyone's own have in common: an answer, and a chart of it."""

    who = "what came"

    def __init__(self, settings: ChartSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._chart = settings.chart()
        self._form = settings.form

    def reading(self, raw: bytes) -> Reading:
        document = loads(raw) if self._form == "json" else text_of(raw).replace("\0", "")
        return reading_of(self._chart, document, Answers(self.who), form=self._form)


class ExecSource(ChartSource):
    """A program that fails, hangs or writes without end is an error; whatever it started ends with it."""

    def __init__(self, settings: ExecSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._command = settings.command
        self._shell = settings.shell

    def read(self) -> Reading:
        return self.reading(run(self._command, shell=self._shell, timeout=self.timeout_s))


class HttpSource(ChartSource):
    def __init__(self, settings: HttpSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._address = Address.parse(settings.url)
        self._headers = settings.headers

    def read(self) -> Reading:
        try:
            return self.reading(request(self._address, timeout=self.timeout_s, headers=self._headers))
        except SourceError as exc:
            text = str(exc)
            raise SourceError(text if text.startswith(str(self._address)) else f"{self._address}: {text}") from None


class FileSource(ChartSource):
    def __init__(self, settings: FileSettings, context: Context) -> None:
        super().__init__(settings, context)
        self._path = Path(settings.path).expanduser()
        self._stale = settings.stale

    def read(self) -> Reading:
        text, written = read_settled(self._path)
        check_age(self._path, written, self._stale, self.clock, why="nobody seems to write it any more")
        try:
            return self.reading(text.encode())
        except SourceError as exc:
            raise SourceError(f"{self._path}: {exc}") from None


def run(command: str | tuple[str, ...], *, shell: bool, timeout: float) -> bytes:
    """What the program writes to its standard output; raises SourceError."""
    name = command if isinstance(command, str) else command[0]
    try:
        process = subprocess.Popen(
            command,
            shell=shell,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=os.name == "posix",
        )
    except (OSError, ValueError) as exc:
        raise SourceError(f"{_short(name)}: cannot be run ({getattr(exc, 'strerror', None) or exc})") from None
    told = _Output(process)
    try:
        return told.collected(timeout)
    except TimeoutError:
        raise SourceError(f"{_short(name)}: did not end within {timeout:g} s") from None
    except SourceError as exc:
        raise SourceError(f"{_short(name)}: {exc}") from None
    finally:
        _end(process, told)


class _Output:
    """What a program writes, read side by side so that neither stream can fill up and stop it."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self._process = process
        self._out, self._err = bytearray(), bytearray()
        self._threads = [
            threading.Thread(target=self._read, args=each, daemon=True)
            for each in ((process.stdout, self._out), (process.stderr, self._err))
        ]
        for thread in self._threads:
            thread.start()

    def collected(self, timeout: float) -> bytes:
        try:
            code = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            if len(self._out) > OUTPUT_MAX:
                raise SourceError(f"writes more than {OUTPUT_MAX} bytes") from None
            raise TimeoutError from None
        for thread in self._threads:
            # What it started and left behind may hold the streams open.
            thread.join(0.5)
        if len(self._out) > OUTPUT_MAX:
            raise SourceError(f"writes more than {OUTPUT_MAX} bytes")
        if code != 0:
            said = _short(self._err.decode("utf-8", errors="replace").strip().rpartition("\n")[2])
            raise SourceError(f"ended with {code}" + (f": {said}" if said else ""))
        return bytes(self._out)

    def is_held(self) -> bool:
        """Whether somebody still could write."""
        return any(thread.is_alive() for thread in self._threads)

    def _read(self, stream: Any, into: bytearray) -> None:  # noqa: ANN401 - a pipe
        while len(into) <= OUTPUT_MAX and (piece := stream.read1(65536)):
            into += piece


def _end(process: "subprocess.Popen[bytes]", told: _Output) -> None:
    """Ends it, and on POSIX what it started and left behind."""
    if process.poll() is None or told.is_held():
        try:
            if sys.platform == "win32":
                process.kill()
            else:
                os.killpg(process.pid, signal.SIGKILL)
        except OSError:
            # It has ended meanwhile.
            pass
    process.wait()
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def _short(text: str) -> str:
    plain = " ".join(word for word in text.split() if word.isprintable())
    return plain if len(plain) <= _WORDS_MAX else f"{plain[: _WORDS_MAX - 1]}…"
