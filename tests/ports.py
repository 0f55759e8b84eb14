"""Free TCP ports on loopback, from where the system takes none for connections: tests can run beside each other."""

import itertools
import os
import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack

# Below what Linux (32768) and Windows (49152) give to those who connect: one of the many connections of a test would
# otherwise now and then be given the very port that a server is about to listen on.
_FIRST, _LAST = 20_000, 32_000
_MANY = 2_000


def _own_range() -> tuple[int, int]:
    """Of those that run beside each other, each process of pytest-xdist has a part to itself."""
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    width = (_LAST - _FIRST) // count
    return _FIRST + number * width, _FIRST + (number + 1) * width


def _ports() -> Iterator[int]:
    """Round and round, from a place that differs by process, so that no port comes again soon."""
    first, last = _own_range()
    start = random.randrange(first, last)  # noqa: S311 - no secret
    return itertools.cycle([*range(start, last), *range(first, start)])


_next = _ports()


def free_port() -> int:
    """A port that nobody listened on a moment ago; another program could still take it before its user does."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As many different free ports; all are held until the last is known, so that none is given twice."""
    with ExitStack() as held:
        found: list[int] = []
        for port in itertools.islice(_next, _MANY):
            if len(found) == count:
                return found
            taken = held.enter_context(socket.socket())
            try:
                taken.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
    raise RuntimeError(f"no {count} free ports between {_FIRST} and {_LAST}")


def is_listening(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a connection to the port succeeds now."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex((host, port)) == 0
