"""The one thread that writes to the store, so that the loop goes on receiving while the disk is busy."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from store import Store
from store.transaction import Transaction

T = TypeVar("T")


class StoreWorker:
    """A batch, a sign of life and a step of forgetting take turns, in the order they were asked for."""

    def __init__(self, store: Store, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._monotonic = monotonic
        self._began: float | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="store")
        self._readers = ThreadPoolExecutor(thread_name_prefix="store-read")

    async def do(self, work: Callable[[Store], T]) -> T:
        """The result of `work`; it runs to its end even where nobody waits for it any more."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._done, work)

    async def write(self, change: Callable[[Transaction], T]) -> T:
        """As `do`, for what takes one transaction."""

        def committed(store: Store) -> T:
            with store.write() as tx:
                return change(tx)

        return await self.do(committed)

    @property
    def busy_for(self) -> float:
        """For how many seconds it has been at one piece of work."""
        began = self._began
        return 0.0 if began is None else self._monotonic() - began

    @property
    def is_busy(self) -> bool:
        return self._began is not None

    def _done(self, work: Callable[[Store], T]) -> T:
        self._began = self._monotonic()
        try:
            return work(self._store)
        finally:
            self._began = None

    async def ask(self, look: Callable[[Store], T]) -> T:
        """What `look` reads, beside whatever is being written."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, look, self._store)

    async def read(self, look: Callable[[Transaction], T]) -> T:
        """As `ask`, for what is asked of one transaction."""

        def read(store: Store) -> T:
            with store.read() as tx:
                return look(tx)

        return await self.ask(read)

    async def close(self) -> None:
        """After everything asked for is done; also closes the store, whose connections nobody may be reading then: with
        SQLite that would end the process."""
        await asyncio.to_thread(self._readers.shutdown, cancel_futures=True)
        await self.do(lambda store: store.close())
        self._thread.shutdown()
