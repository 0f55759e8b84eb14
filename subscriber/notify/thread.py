"""Blocking work with a time limit: in a thread that may be left behind, never in one that others wait for."""

import asyncio
import threading
from collections.abc import Callable


async def in_thread(work: Callable[[], None], *, timeout: float, name: str) -> None:
    """Raises what `work` raises, and `TimeoutError` when it is not done in time.

    A pool would fill with calls that hang, and keep the process from ending; a daemon thread does neither.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def finish(exc: BaseException | None) -> None:
        if done.done():
            return
        if exc is None:
            done.set_result(None)
        else:
            done.set_exception(exc)

    def run() -> None:
        failure: BaseException | None = None
        try:
            work()
        except BaseException as exc:  # noqa: BLE001 - handed to whoever waits
            failure = exc
        try:
            loop.call_soon_threadsafe(finish, failure)
        except RuntimeError:
            # The loop is closed: the process is ending, and nobody waits any more.
            return

    threading.Thread(target=run, name=name, daemon=True).start()
    async with asyncio.timeout(timeout):
        await done
