"""Tests run against one mutant after the other, each in a fork of a process that has loaded everything once."""

import gc
import importlib.machinery
import importlib.util
import itertools
import os
import signal
import sys
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, FrameType, FunctionType, ModuleType

import msgspec
import pytest
from _pytest.runner import runtestprotocol
from hypothesis import Phase
from hypothesis import settings as hypothesis_settings

from benchmarks.mutants.mutations import Mutant

SURVIVED = ""
_Function = tuple[str, str, int]
"""File, qualified name and first line."""
_Observed = tuple[dict[str, set[_Function]], dict[str, float]]
_OPTIONS = ("-q", "-x", "-p", "no:cacheprovider", "-o", "timeout=0", "-W", "ignore::pytest.PytestAssertRewriteWarning")
_SLOWER = 10
_MODULE_S = 120
# So much work of the processor, the quickest tests first, is done about one mutant.
_ENOUGH_S = 15.0


@dataclass(slots=True)
class Tests:
    """The collected tests, how long each took on the unchanged code, and which functions it called."""

    items: list[pytest.Item] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    calls: dict[str, set[_Function]] = field(default_factory=dict)
    killed: Counter[tuple[_Function | None, str]] = field(default_factory=Counter)
    _functions: dict[_Function, list[FunctionType]] = field(default_factory=dict)

    def observe(self, folder: Path, kept: Path) -> None:
        """Runs all once, unless what that gives is `kept`; a failure here would be one of every mutant."""
        if kept.exists():
            self.calls, self.seconds = msgspec.json.decode(kept.read_bytes(), type=_Observed)
        else:
            for item in self.items:
                self._observe(item, folder)
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(msgspec.json.encode((self.calls, self.seconds)))
        for each in gc.get_objects():
            if isinstance(each, FunctionType) and each.__code__.co_filename.startswith(str(folder)):
                self._functions.setdefault(_function_of(each.__code__), []).append(each)

    def _observe(self, item: pytest.Item, folder: Path) -> None:
        with _called(folder, self.calls.setdefault(item.nodeid, set())):
            began = time.process_time()
            if not _passes(item, None):
                raise SystemExit(f"fails without any mutant: {item.nodeid}")
            self.seconds[item.nodeid] = time.process_time() - began

    def files_of(self, module: Path) -> list[Path]:
        """Test files that reach the module, the quickest first."""
        seconds: defaultdict[Path, float] = defaultdict(float)
        reach = {item.path for item in self.items if any(each[0] == str(module) for each in self.calls[item.nodeid])}
        for item in self.items:
            seconds[item.path] += self.seconds[item.nodeid]
        return sorted(reach, key=lambda path: seconds[path])

    def _likely(self, function: _Function) -> list[pytest.Item]:
        """What may notice a fault of the function: the quickest tests that call it, first those that noticed one."""
        calling = [item for item in self.items if function in self.calls[item.nodeid]]
        calling.sort(key=lambda item: self.seconds[item.nodeid])
        total = itertools.accumulate(self.seconds[item.nodeid] for item in calling)
        chosen = [item for item, so_far in zip(calling, total, strict=True) if so_far < _ENOUGH_S]
        return sorted(chosen or calling[:1], key=lambda item: -self.killed[function, item.nodeid])

    def against(self, mutant: Mutant, module: Path) -> str:
        """The test that notices a mutant within a function, what else ended it, or `SURVIVED`."""
        assert mutant.function is not None
        function = (str(module), *mutant.function)
        items = self._likely(function)
        code = next(each for each in _codes(_compiled(mutant, module)) if _function_of(each) == function)

        def work() -> str:
            for each in self._functions[function]:
                each.__code__ = code
            for item, following in zip(items, [*items[1:], None], strict=True):
                signal.alarm(5 + round(_SLOWER * self.seconds[item.nodeid]))
                if not _passes(item, following):
                    return item.nodeid
            return SURVIVED

        killer = in_a_fork(work)
        self.killed[function, killer] += 1
        return killer


def collected(places: Sequence[Path], then: Callable[[Tests], None]) -> None:
    """Collects the tests of folders and files and hands them over, in a session of pytest."""

    class Collect:
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            then(Tests(session.items))
            return True

    _made_up_texts_are_always_the_same()
    pytest.main([*map(str, places), *_OPTIONS], plugins=[Collect()])


def against_whole_module(mutant: Mutant, module: Path, files: Sequence[Path]) -> str:
    """As `Tests.against`, for a mutant outside functions; the process must not have imported the module."""
    if not files:
        # Handed none, pytest would take every test there is.
        return SURVIVED

    class Watch:
        first = SURVIVED

        def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
            if report.failed and not self.first:
                self.first = report.nodeid

    def work() -> str:
        name = ".".join(module.relative_to(Path.cwd()).with_suffix("").parts)
        sys.meta_path.insert(0, _Altered(name, module, _compiled(mutant, module)))
        signal.alarm(_MODULE_S)
        _made_up_texts_are_always_the_same()
        watch = Watch()
        ended = pytest.main([*map(str, files), *_OPTIONS], plugins=[watch])
        return watch.first or (SURVIVED if ended == pytest.ExitCode.OK else "the tests could not be loaded")

    return in_a_fork(work)


def in_a_fork(work: Callable[[], str], *, aloud: bool = False) -> str:
    """What `work` gives, done in a process of its own; a word for it when that dies. Silent unless `aloud`."""
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            if not aloud:
                nowhere = os.open(os.devnull, os.O_RDWR)
                os.dup2(nowhere, 1)
                os.dup2(nowhere, 2)
            with os.fdopen(write, "wb") as answer:
                answer.write(work().encode() + b".")
        except BaseException:  # noqa: BLE001 - a fork must never go on with what its parent does
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        text = answer.read().decode()
    _, status = os.waitpid(pid, 0)
    if not text:
        return "took too long" if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGALRM else "crashed"
    return text.removesuffix(".")


class _Altered(importlib.machinery.SourceFileLoader):
    """Imports one module from code that is not in its file."""

    def __init__(self, name: str, path: Path, code: CodeType) -> None:
        super().__init__(name, str(path))
        self._code = code

    def find_spec(
        self, name: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, fullname: str) -> CodeType:
        assert fullname == self.name
        return self._code


def _passes(item: pytest.Item, following: pytest.Item | None) -> bool:
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))


@contextmanager
def _called(folder: Path, found: set[_Function]) -> Iterator[None]:
    prefix = str(folder)

    def note(frame: FrameType, _event: str, _: object) -> None:
        if frame.f_code.co_filename.startswith(prefix):
            found.add(_function_of(frame.f_code))

    # Asked at each call, and told nothing of its lines.
    sys.settrace(note)
    try:
        yield
    finally:
        sys.settrace(None)


def _function_of(code: CodeType) -> _Function:
    return code.co_filename, code.co_qualname, code.co_firstlineno


def _compiled(mutant: Mutant, module: Path) -> CodeType:
    return compile(mutant.tree, str(module), "exec")


def _codes(code: CodeType) -> Iterator[CodeType]:
    for each in code.co_consts:
        if isinstance(each, CodeType):
            yield each
            yield from _codes(each)


def _made_up_texts_are_always_the_same() -> None:
    phases = (Phase.explicit, Phase.generate)
    hypothesis_settings.register_profile("mutants", derandomize=True, database=None, deadline=None, phases=phases)
    hypothesis_settings.load_profile("mutants")
