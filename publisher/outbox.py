"""Keeps one node's samples until the subscriber has said that they are stored; sending them happens elsewhere.

What is promised: a sample that `append` has returned is on the disk and stays there until `forget`, across a kill and
a power cut. The exceptions are counted and said: the oldest samples are dropped when the outbox is full, samples stay
in memory while the disk refuses them, and a damaged file is set aside and a new one begun.
"""

import asyncio
import errno
import logging
import threading
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from pathlib import Path
from typing import Final, Self, TypeVar

from publisher.bodies import body_of, moment_of, moved, text_of, text_within
from publisher.boot import Boot
from publisher.moments import SampleMoment
from publisher.outbox_file import (
    Changes,
    DiskRefusedError,
    FileDamagedError,
    OutboxBusyError,
    OutboxFile,
    OutboxUnusableError,
    set_aside,
)
from publisher.summary import UnnumberedSample
from publisher.timekeeper import Timekeeper
from rigwatch.clock import Clock
from rigwatch.errors import DecodeError
from rigwatch.figures import LINE_MAX, MEASURED
from rigwatch.messages import Sample
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

T = TypeVar("T")

ERROR_NAME: Final = "outbox"
"""The name under which samples carry the outbox's own troubles in `errors`."""

_SOURCE_ERRORS_MAX: Final = 31
"""A sample takes 32 errors, and one of them is the outbox's."""

_CENTURY: Final = 100 * 366 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that one outbox holds, in samples and in bytes of their JSON."""

    samples: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A sample that was appended, its size in bytes, and the older ones that had to go for it."""

    n: int
    size: int
    dropped: tuple[int, ...]


class Outbox:
    """One node's outbox; its methods may be called from any thread and wait for the disk.

    Raises OutboxBusyError when another process publishes this node, OutboxUnusableError when the file cannot be had.
    """

    def __init__(
        self,
        path: Path | None,
        node: NodeId,
        *,
        limits: Limits,
        clock: Clock,
        boot: Boot | None = None,
        interval: timedelta = timedelta(minutes=1),
    ) -> None:
        self._path, self._node, self._limits, self._clock = path, node, limits, clock
        self._times = Timekeeper(clock, boot or Boot.of_process(clock), interval)
        self._lock = threading.Lock()
        self._unwritten = Changes()
        self._newest: tuple[int, bytes] | None = None
        self._sizes: dict[int, int] = {}
        self._bytes = 0
        self._last = {"n": 0, "session": 0, "dropped": 0}
        self._trouble = ""
        self._loss = ""
        self._closed = False
        self._file: OutboxFile | None = None
        self._open(starting=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def waits_for_disk(self) -> bool:
        """False when it is in memory alone: its methods then return at once."""
        return self._path is not None

    def pending(self) -> dict[int, int]:
        """Bytes of each sample that is kept, by n, oldest first."""
        with self._lock:
            return dict(self._sizes)

    def append(self, summary: UnnumberedSample) -> Kept:
        """Numbers the sample, keeps it, and drops the oldest ones where there is no room."""
        with self._lock:
            self._put_right()
            here = self._times.here()
            n = max(self._last["n"] + 1, here.now)
            dropped: list[int] = []
            moment = SampleMoment(n, here.now, here.boot, here.elapsed)
            text = self._text(summary, moment)
            body = body_of(text, moment)
            while self._sizes and not self._has_room(len(body)):
                dropped.append(self._drop_oldest())
                text = self._text(summary, moment)
                body = body_of(text, moment)
            self._count("n", n)
            self._count("dropped", 0)
            self._loss = ""
            self._sizes[n] = len(body)
            self._bytes += len(body)
            self._times.note(moment)
            self._unwritten.new[n] = body
            self._newest = n, text
            self._write()
            # With this line and the store it can be counted, in both directions, that no sample was lost on its way.
            log.debug("sample kept node=%s n=%s", self._node, n)
            return Kept(n, len(body), tuple(dropped))

    def at_hand(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """As `load`, without the disk: the newest sample, if it is all that is asked for and its time is right."""
        with self._lock:
            if self._newest is None or [*numbers] != [self._newest[0]] or self._times.is_off():
                return {}
            n, text = self._newest
            return {n: text} if n in self._sizes else {}

    def load(self, numbers: Sequence[int]) -> dict[int, bytes]:
        """What a report says of these samples, by n, oldest first; those that are gone, that the disk does not give or
        that wait for the clock to be set are missing."""
        with self._lock:
            self._put_right()
            numbers = self._times.ready(numbers)
            bodies = {n: self._unwritten.new[n] for n in numbers if n in self._unwritten.new}
            bodies |= self._read([n for n in numbers if n in self._sizes and n not in bodies])
            return {n: text for n in sorted(bodies) if (text := self._checked(n, bodies[n])) is not None}

    def is_set_free(self) -> bool:
        """Whether samples that `load` held back can be had now; said once."""
        with self._lock:
            return self._times.is_set_free()

    def forget(self, numbers: Collection[int]) -> None:
        """Removes samples that are safe on the server."""
        with self._lock:
            self._remove(numbers)
            self._write()

    def next_session(self) -> int:
        """A number above that of every session before, whatever the clock says.

        But no clock has ever been a century ahead: who told of such a session had the node's key, and no good in mind.
        """
        with self._lock:
            now = self._clock.now()
            last = self._last["session"]
            self._count("session", now if last > now + _CENTURY else max(last + 1, now))
            self._write()
            return self._last["session"]

    def raise_session_above(self, session: int) -> None:
        """The next session will have a number above this one."""
        with self._lock:
            self._count("session", max(self._last["session"], session))
            self._write()

    def close(self) -> None:
        """Writes what the disk had refused so far, and lets the file go."""
        with self._lock:
            self._write()
            self._closed = True
            if self._unwritten.new:
                log.error("samples lost, the disk refused them node=%s count=%s", self._node, len(self._unwritten.new))
            self._close_file()

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _put_right(self) -> None:
        """Writes down when samples were really taken, once the clock was set; costs nothing while it was not."""
        corrected = self._times.corrections()
        if not corrected:
            return
        self._newest = None
        bodies = {n: self._unwritten.new[n] for n in corrected if n in self._unwritten.new}
        bodies |= self._read([n for n in corrected if n not in bodies])
        for n, body in bodies.items():
            # One that cannot be read is told and dropped when it is to be sent.
            with suppress(DecodeError):
                self._unwritten.new[n] = moved(body, corrected[n].at)
                self._times.note(corrected[n])
                self._bytes += len(self._unwritten.new[n]) - self._sizes[n]
                self._sizes[n] = len(self._unwritten.new[n])
        log.info("clock was set, samples put right node=%s count=%s", self._node, len(bodies))
        self._write()

    def _text(self, summary: UnnumberedSample, moment: SampleMoment) -> bytes:
        errors = dict(islice(summary.errors.items(), _SOURCE_ERRORS_MAX))
        if text := self._own_error():
            errors[ERROR_NAME] = text
        figures = {name: getattr(summary.figures, name) for name in MEASURED}
        return text_of(Sample(n=moment.n, at=moment.at, errors=errors, odd=dict(summary.odd), **figures))

    def _own_error(self) -> str:
        texts = [self._loss] if self._loss else []
        if self._last["dropped"]:
            texts.append(f"{self._last['dropped']} oldest samples dropped, the outbox is full")
        if self._trouble:
            texts.append(f"kept in memory only, the disk refuses: {self._trouble}")
        return "; ".join(texts)[:LINE_MAX]

    def _has_room(self, size: int) -> bool:
        return len(self._sizes) < self._limits.samples and self._bytes + size <= self._limits.bytes

    def _drop_oldest(self) -> int:
        oldest = next(iter(self._sizes))
        self._remove([oldest])
        self._count("dropped", self._last["dropped"] + 1)
        return oldest

    def _remove(self, numbers: Collection[int]) -> None:
        self._times.forget(numbers)
        for n in numbers:
            size = self._sizes.pop(n, None)
            if size is not None:
                self._bytes -= size
                # One that is not written yet may be on the disk all the same, with another time.
                self._unwritten.new.pop(n, None)
                self._unwritten.gone.add(n)

    def _count(self, name: str, value: int) -> None:
        if self._last[name] != value:
            self._last[name] = value
            self._unwritten.counters[name] = value

    def _checked(self, n: int, body: bytes) -> bytes | None:
        try:
            return text_within(body, n)
        except DecodeError:
            log.error("sample lost, its row is unreadable node=%s n=%s", self._node, n)
            self._remove([n])
            return None

    def _read(self, numbers: Sequence[int]) -> dict[int, bytes]:
        if self._file is None or not numbers:
            return {}
        try:
            return self._file.read(numbers)
        except FileDamagedError as exc:
            self._start_again(exc)
        except (DiskRefusedError, OutboxBusyError, OutboxUnusableError) as exc:
            self._refused(str(exc))
        return {}

    def _write(self) -> None:
        if not self._unwritten:
            return
        if self._closed:
            # A thread that was on its way when the publisher stopped; another process may have the file by now.
            log.error("samples lost, they came after the end node=%s count=%s", self._node, len(self._unwritten.new))
            return
        if self._file is None:
            self._open(starting=False)
        if self._file is None:
            return
        try:
            self._file.write(self._unwritten)
        except FileDamagedError as exc:
            self._start_again(exc)
        except (DiskRefusedError, OutboxBusyError, OutboxUnusableError) as exc:
            self._refused(str(exc))
        else:
            self._unwritten = Changes()
            if self._trouble:
                log.info("disk takes samples again node=%s", self._node)
                self._trouble = ""

    def _refused(self, why: str) -> None:
        if not self._trouble:
            log.warning("disk refuses samples, they are kept in memory node=%s error=%s", self._node, why)
        self._trouble = why

    def _open(self, *, starting: bool) -> None:
        """Leaves `_file` None when the disk refuses; only at the start is a file that cannot be had an error."""
        try:
            self._file = self._opened_or_new()
            self._recall(self._file)
        except (OutboxBusyError, OutboxUnusableError) as exc:
            if starting:
                raise self._with_advice(exc) from exc
            self._refused(str(exc))
        except (DiskRefusedError, FileDamagedError, OSError) as exc:
            self._refused(str(exc))

    def _opened_or_new(self) -> OutboxFile:
        if self._path is not None:
            _make_folder(self._path.parent)
        try:
            return OutboxFile.open(self._path)
        except FileDamagedError as exc:
            if self._path is None:
                raise
            self._set_aside(self._path, exc)
            return OutboxFile.open(self._path)

    def _recall(self, file: OutboxFile) -> None:
        # When the disk comes back while running, what is in memory is newer than what is on it.
        sizes = {n: size for n, size in file.sizes().items() if n not in self._unwritten.gone}
        self._sizes = dict(sorted((sizes | {n: len(body) for n, body in self._unwritten.new.items()}).items()))
        self._bytes = sum(self._sizes.values())
        self._recall_moments(file)
        for name, value in file.counters().items():
            # Above that it is damaged, and no number after it would be one.
            if value <= self._clock.now() + _CENTURY:
                self._last[name] = max(self._last.get(name, 0), value)

    def _recall_moments(self, file: OutboxFile) -> None:
        self._times.keep_only(self._sizes)
        moments = []
        for n, body in file.read(self._times.unknown(self._sizes)).items():
            # One that cannot be read, or is another sample, is told and dropped when it is to be sent.
            with suppress(DecodeError):
                moments.append(moment_of(body))
                if moments[-1].n != n:
                    moments.pop()
        self._times.learn(moments)

    def _start_again(self, why: FileDamagedError) -> None:
        """The file was damaged while in use: what is not yet written goes to a new one, with the counters."""
        assert self._path is not None, "memory has no file to damage"
        self._close_file()
        lost = len(self._sizes) - len(self._unwritten.new)
        self._loss = f"{lost} samples lost with a damaged outbox"
        log.error("samples lost with a damaged outbox node=%s count=%s", self._node, lost)
        self._unwritten.gone.clear()
        self._unwritten.counters.update(self._last)
        self._sizes = {n: len(body) for n, body in self._unwritten.new.items()}
        self._times.keep_only(self._sizes)
        self._bytes = sum(self._sizes.values())
        try:
            self._set_aside(self._path, why)
        except OSError as exc:
            self._refused(str(exc))
            return
        self._write()

    def _set_aside(self, path: Path, why: FileDamagedError) -> None:
        aside = set_aside(path, self._clock.now())
        log.error("outbox damaged, a new one is begun node=%s error=%s set_aside=%s", self._node, why, aside)

    def _with_advice(self, exc: OutboxBusyError | OutboxUnusableError) -> OutboxBusyError | OutboxUnusableError:
        if isinstance(exc, OutboxBusyError):
            return OutboxBusyError(
                f"node {self._node} is already published by another process ({self._path} is locked);"
                " end that one, or give this node another name"
            )
        return OutboxUnusableError(f"outbox of node {self._node}: {exc}")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as exc:
        if exc.errno == errno.ENOSPC:
            raise DiskRefusedError(str(exc)) from exc
        raise OutboxUnusableError(f"{folder}: cannot be made ({exc.strerror or exc})") from exc


async def on_disk(outbox: Outbox, work: Callable[[], T]) -> T:
    """Runs what waits for the outbox's disk in a thread, so that a stick that stalls for seconds delays no ping."""
    return await asyncio.to_thread(work) if outbox.waits_for_disk else work()
