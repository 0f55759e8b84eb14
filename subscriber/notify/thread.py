"""Blocking work with a time limit: in a thread that may be left behind, never in one that others wait for."""

import asyncio
import threading
from collections.abc import Callable


class ThreadEndedError(RuntimeError):
    """The work ended itself with what is meant for a process or a generator, such as `SystemExit`."""


def start_thread(work: Callable[[], None], *, name: str) -> "asyncio.Future[None]":
    """Done when the work is, with what it raised, which is always an `Exception`.

    A pool would fill with calls that hang, and keep the process from ending; a daemon thread does neither.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(exc: Exception | None) -> None:
        if done.done():
            return
        if exc is None:
            done.set_result(None)
        else:
            done.set_exception(exc)
            # Of one that nobody waits for any more, nobody asks.
            done.exception()

    def run() -> None:
        failure: Exception | None = None
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - handed to whoever waits
            # The rest would end the loop, or cannot be put into a future.
            usual = isinstance(exc, Exception) and not isinstance(exc, StopIteration)
            failure = exc if usual else ThreadEndedError(type(exc).__name__)  # type: ignore[assignment]
        try:
            loop.call_soon_threadsafe(finish, failure)
        except RuntimeError:
            # The loop is closed: the process is ending, and nobody waits any more.
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    return done


async def in_thread(work: Callable[[], None], *, timeout: float, name: str) -> None:
    """Raises what `work` raises, and `TimeoutError` when it is not done in time."""
    async with asyncio.timeout(timeout):
        await start_thread(work, name=name)
