"""Waiting for a condition with a deadline; the only place in the tests where time really passes."""

import asyncio
import inspect
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar, overload

T = TypeVar("T")

_PAUSE = 0.01
_LOAD = Path("/proc/loadavg")
_LONGEST = 10.0
"""Times: a load of 20 on two cores, which a test must stand; beyond that a promise that is kept says nothing."""


def promised(seconds: float) -> float:
    """How long what takes so many seconds at most on a machine of its own may take on this one now.

    As many times longer as there are programs for each core that want it, now or on average over the last minute, and
    ten times at most.
    """
    return seconds * min(max(1.0, _wanting() / (os.cpu_count() or 1)), _LONGEST)


def _wanting() -> float:
    if not _LOAD.exists():
        return 0.0
    minute, _, _, running, _ = _LOAD.read_text().split()
    return max(float(minute), float(running.partition("/")[0]))


class NeverHappenedError(AssertionError):
    """The condition was not met before the deadline; the message says what the last look gave."""


def eventually(look: Callable[[], T], *, timeout: float = 10.0, what: str = "") -> T:
    """The first true answer of `look`, asked again and again for `timeout` seconds.

    An AssertionError inside `look` counts as "not yet": it may assert, and then return something true.
    """
    deadline = time.monotonic() + timeout
    while True:
        answer, failure = _look(look)
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise _never(look, what, timeout, answer) from failure
        time.sleep(_PAUSE)


@overload
async def eventually_async(look: Callable[[], Awaitable[T]], *, timeout: float = ..., what: str = ...) -> T: ...
@overload
async def eventually_async(look: Callable[[], T], *, timeout: float = ..., what: str = ...) -> T: ...
async def eventually_async(look: Callable[[], T | Awaitable[T]], *, timeout: float = 10.0, what: str = "") -> T:
    """As `eventually`, for a test that is a coroutine; `look` may be one as well."""
    deadline = time.monotonic() + timeout
    while True:
        answer, failure = await _look_async(look)
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise _never(look, what, timeout, answer) from failure
        await asyncio.sleep(_PAUSE)


def _look(look: Callable[[], T]) -> tuple[T | None, AssertionError | None]:
    try:
        return look(), None
    except AssertionError as failure:
        return None, failure


async def _look_async(look: Callable[[], T | Awaitable[T]]) -> tuple[T | None, AssertionError | None]:
    try:
        answer = look()
        return (await answer if inspect.isawaitable(answer) else answer), None
    except AssertionError as failure:
        return None, failure


def _never(look: object, what: str, timeout: float, answer: object) -> NeverHappenedError:
    name = what or getattr(look, "__qualname__", repr(look))
    return NeverHappenedError(f"not within {timeout:g} s: {name} (last answer: {answer!r})")
