"""Browsers as the web benchmark needs them: raw HTTP/1.1 over asyncio, in a process of its own. One order, one answer.

An order is a line of JSON: what to do (`pages`, `polls`, `viewers`, `flood`), the port, the login and how much of it.
The answer is a line as well: each request's milliseconds, how many had each status, and how long all of it took.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

import msgspec
from msgspec import Struct


class Order(Struct, frozen=True):
    """`every` is in seconds, from the start of one poll to that of the next."""

    what: str
    port: int
    authorization: str
    path: str
    count: int = 1
    viewers: int = 1
    every: float = 1.0
    seconds: float = 10.0


class Answer(Struct, frozen=True):
    """What came of an order."""

    times_ms: list[float]
    statuses: dict[str, int]
    bytes: int
    took_s: float


@dataclass(slots=True)
class Tally:
    """Collects what an `Answer` tells."""

    times_ms: list[float] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    begun: float = field(default_factory=time.perf_counter)

    def answer(self) -> Answer:
        return Answer(self.times_ms, dict(self.statuses), self.bytes, time.perf_counter() - self.begun)


class Browser:
    """One connection that is kept, and what it was shown last."""

    def __init__(self, order: Order, tally: Tally) -> None:
        self._order = order
        self._tally = tally
        self._etag = ""
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, path: str) -> None:
        """Asks once; the time counts from before a connection that has to be made."""
        begun = time.perf_counter()
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._order.port, limit=2**24)
        reader, writer = self._streams
        known = f"If-None-Match: {self._etag}\r\n" if self._etag else ""
        writer.write(
            f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: {self._order.authorization}\r\n"
            f"Accept-Encoding: gzip\r\nAccept: text/html\r\n{known}\r\n".encode()
        )
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status, headers = _parsed(head)
        length = int(headers.get("content-length", "0"))
        if status != "304":
            await reader.readexactly(length)
        self._etag = headers.get("etag", self._etag)
        self._tally.times_ms.append((time.perf_counter() - begun) * 1000)
        self._tally.statuses[status] += 1
        self._tally.bytes += len(head) + length

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            await self._streams[1].wait_closed()
            self._streams = None


async def pages(order: Order, tally: Tally) -> None:
    """Somebody opens the page, again and again, each time anew."""
    for _ in range(order.count):
        browser = Browser(order, tally)
        await browser.ask(order.path)
        await browser.close()


async def polls(order: Order, tally: Tally) -> None:
    """One open page asks whether anything has changed. The first answer, which is the whole, does not count."""
    browser = Browser(order, tally)
    await browser.ask(order.path)
    tally.times_ms.clear()
    tally.statuses.clear()
    for _ in range(order.count):
        await browser.ask(order.path)
    await browser.close()


async def viewers(order: Order, tally: Tally) -> None:
    """Several open pages, each polling in its own rhythm. How each begins does not count."""
    browsers = [Browser(order, tally) for _ in range(order.viewers)]
    for each in browsers:
        await each.ask(order.path)
    tally.times_ms.clear()
    tally.statuses.clear()
    tally.begun = time.perf_counter()
    await asyncio.gather(*(_watch(order, each, number) for number, each in enumerate(browsers)))


async def flood(order: Order, tally: Tally) -> None:
    """Several open pages that ask again at once: how many answers a second there can be."""
    browsers = [Browser(order, tally) for _ in range(order.viewers)]
    for each in browsers:
        await each.ask(order.path)
    tally.times_ms.clear()
    tally.statuses.clear()
    tally.begun = time.perf_counter()
    end = tally.begun + order.seconds

    async def on(browser: Browser) -> None:
        while time.perf_counter() < end:
            await browser.ask(order.path)
        await browser.close()

    await asyncio.gather(*(on(each) for each in browsers))


async def _watch(order: Order, browser: Browser, number: int) -> None:
    begun = time.perf_counter() + order.every * number / order.viewers
    for turn in range(int(order.seconds / order.every)):
        await asyncio.sleep(max(0.0, begun + turn * order.every - time.perf_counter()))
        await browser.ask(order.path)
    await browser.close()


def _parsed(head: str) -> tuple[str, dict[str, str]]:
    first, *lines = head.rstrip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return first.split(" ")[1], {name.lower(): value.strip() for name, _, value in pairs}


def main() -> None:
    order = msgspec.json.decode(sys.stdin.readline(), type=Order)
    tally = Tally()
    work = {"pages": pages, "polls": polls, "viewers": viewers, "flood": flood}[order.what]
    asyncio.run(work(order, tally))
    print(json.dumps(msgspec.to_builtins(tally.answer())), flush=True)


if __name__ == "__main__":
    main()
