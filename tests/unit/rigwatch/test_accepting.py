"""An accept loop whose machine has no free descriptors, and whose clients go before they are here."""

import asyncio
import errno
import os
import socket
from collections.abc import Iterator

import pytest

from rigwatch.accepting import PAUSE_S, accepting
from tests.fake_clock import FakeClock


class Outside:
    """What the system answers to each accept; after it, nobody comes any more."""

    def __init__(self, *answers: int | str) -> None:
        self._answers: Iterator[int | str] = iter(answers)

    async def accept(self, _listening: socket.socket) -> tuple[str, tuple[str, int]]:
        await asyncio.sleep(0)
        for answer in self._answers:
            if isinstance(answer, int):
                raise OSError(answer, os.strerror(answer))
            return answer, ("192.0.2.7", 1)
        await asyncio.Event().wait()
        raise AssertionError


async def test_without_free_descriptors_it_waits_and_goes_on_and_says_so_once(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Outside("first", errno.EMFILE, errno.ENFILE, "second", errno.ECONNABORTED, "third")
    monkeypatch.setattr(asyncio.get_running_loop(), "sock_accept", outside.accept)
    clock, came, told = FakeClock(), list[object](), list[str]()
    with socket.socket() as listening:
        task = asyncio.create_task(
            accepting(listening, lambda accepted, _address: came.append(accepted), clock=clock, full=told.append)
        )
        await clock.advance(PAUSE_S)
        assert came == ["first"]
        await clock.advance(PAUSE_S)
        # Who broke off while waiting costs the next one no time.
        assert came == ["first", "second", "third"]
        assert told == [os.strerror(errno.EMFILE)]
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
