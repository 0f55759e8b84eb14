"""The end of the one who writes to the store, while somebody reads there whom nobody waits for any more."""

import asyncio
import threading
from pathlib import Path

from rigwatch.home import Home
from store import Store, open_store
from subscriber.worker import StoreWorker
from tests.waiting import eventually_async


async def test_a_look_that_was_given_up_is_over_before_the_store_is_closed(tmp_path: Path) -> None:
    began, may_end = threading.Event(), threading.Event()
    order: list[str] = []

    def look(_store: Store) -> None:
        began.set()
        may_end.wait(timeout=20)
        order.append("looked")

    store = open_store("sqlite:///rigwatch.db", Home(tmp_path))
    close = store.close

    def closed() -> None:
        order.append("closed")
        close()

    store.close = closed  # type: ignore[method-assign]
    worker = StoreWorker(store)
    looking = asyncio.create_task(worker.ask(look))
    await eventually_async(began.is_set)
    looking.cancel()
    closing = asyncio.create_task(worker.close())
    done, _ = await asyncio.wait([closing], timeout=0.2)
    assert not done
    may_end.set()
    await asyncio.wait_for(closing, timeout=20)
    assert order == ["looked", "closed"]
