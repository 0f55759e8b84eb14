"""A broker to throw at: it logs no error, whatever comes, and leaves no task behind."""

import asyncio
import logging
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from broker.service import new_event_loop
from tests.fuzz.target import Take
from tests.integration.broker.running import House, broker_running, limits
from tests.waiting import eventually_async

Throw = Callable[[Any], Coroutine[Any, Any, None]]


class _Errors(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found.append(record.getMessage())


@contextmanager
def thrown_at(throw_at: Callable[[House], Throw], *, websocket: bool = False) -> Iterator[Take]:
    """`throw_at` gives what throws one input at a broker, and looks whether others are served."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    given = limits(connections=200, connect_timeout=timedelta(seconds=1), logins_per_minute=1_000_000)
    with tempfile.TemporaryDirectory() as folder, asyncio.Runner(loop_factory=new_event_loop) as runner:
        running = broker_running(Path(folder), given, websocket=websocket)
        throw = throw_at(runner.run(running.__aenter__()))
        tasks = len(asyncio.all_tasks(runner.get_loop()))

        def take(said: object) -> None:
            runner.run(throw(said))
            assert errors.found == []

        try:
            yield take
            runner.run(_nothing_left(tasks))
        finally:
            runner.run(running.__aexit__(None, None, None))
            logging.getLogger().removeHandler(errors)


async def _nothing_left(tasks: int) -> None:
    assert await eventually_async(lambda: len(asyncio.all_tasks()) <= tasks + 1, timeout=10)
