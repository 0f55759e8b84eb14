"""Work in a thread that may hang, fall over or end itself."""

import asyncio
import threading

import pytest

from rigwatch.thread import ThreadEndedError, in_thread, start_thread


async def test_what_the_work_gives_is_the_answer() -> None:
    assert await in_thread(lambda: threading.current_thread().name, name="worker") == "worker"


@pytest.mark.parametrize(
    ("raised", "told"),
    [(LookupError(), LookupError), (SystemExit(1), ThreadEndedError), (StopIteration(), ThreadEndedError)],
)
async def test_what_the_work_raises_is_an_exception_that_ends_no_loop(
    raised: BaseException, told: type[Exception]
) -> None:
    def work() -> None:
        raise raised

    with pytest.raises(told):
        await in_thread(work, name="worker")
    with pytest.raises(told):
        start_thread(work, name="worker").result(30)


async def test_whoever_stops_waiting_is_not_told_and_the_thread_goes_on() -> None:
    go, gone = threading.Event(), threading.Event()

    def work() -> None:
        go.wait(30)
        gone.set()

    waiting = in_thread(work, name="worker")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await waiting
    go.set()
    assert await asyncio.to_thread(gone.wait, 30)
    assert waiting.cancelled()


def test_work_that_outlives_its_loop_ends_in_peace(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()

    async def begin() -> None:
        in_thread(lambda: go.wait(30), name="outliving")

    asyncio.run(begin())
    (thread,) = (each for each in threading.enumerate() if each.name == "outliving")
    assert thread.daemon
    go.set()
    thread.join(30)
    assert not caplog.records
