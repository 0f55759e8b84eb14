"""Blocking work with a time limit: in a thread that may be left behind, never in one that others wait for.

A pool would fill with calls that hang, and keep the process from ending; daemon threads do neither.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class ThreadEndedError(RuntimeError):
    """The work ended itself with what is meant for a process or a generator, such as `SystemExit`."""


def start_thread(work: Callable[[], Result], *, name: str) -> Future[Result]:
    """Done when the work is, with what it raised, which is always an `Exception`; waited for without a loop."""
    done: Future[Result] = Future()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            result = work()
        except BaseException as exc:  # noqa: BLE001 - handed to whoever waits
            # The rest would end the loop, or cannot be put into a future.
            usual = isinstance(exc, Exception) and not isinstance(exc, StopIteration)
            done.set_exception(exc if usual else ThreadEndedError(type(exc).__name__))
        else:
            done.set_result(result)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


def in_thread(work: Callable[[], Result], *, name: str) -> asyncio.Future[Result]:
    """The same for who waits in a loop, and may stop waiting."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[Result] = loop.create_future()

    def tell(done: Future[Result]) -> None:
        if told.done():
            return
        if exc := done.exception():
            told.set_exception(exc)
            # Of one that nobody waits for any more, nobody asks.
            told.exception()
        else:
            told.set_result(done.result())

    def over(done: Future[Result]) -> None:
        try:
            loop.call_soon_threadsafe(tell, done)
        except RuntimeError:
            # The loop is closed: the process is ending, and nobody waits any more.
            return

    start_thread(work, name=name).add_done_callback(over)
    return told
