"""Something that runs until it is replaced by something else of its kind."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from rigwatch.first import first_of

Run: TypeAlias = Callable[[], Coroutine[Any, Any, None]]


class Replaceable:
    """What returns by itself is not begun again."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._changed = asyncio.Event()

    def replace(self, run: Run) -> None:
        """From now on that one; called on the loop, never blocks."""
        self._run = run
        self._changed.set()

    async def run(self) -> None:
        """Until it is cancelled; raises what is running raises."""
        while True:
            self._changed.clear()
            running = asyncio.create_task(self._run())
            try:
                await first_of(running, self._changed.wait())
                if running.done():
                    await self._changed.wait()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
