"""Something that runs until it is replaced by something else of its kind."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

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
            running, changed = asyncio.create_task(self._run()), asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait((running, changed), return_when=asyncio.FIRST_COMPLETED)
                if running.done():
                    running.result()
                    await changed
            finally:
                running.cancel()
                changed.cancel()
                await asyncio.gather(running, changed, return_exceptions=True)
