"""Faults of what is around rigwatch while nodes die: full disks, odd channels, wrong clocks, clones, thieves.

Each is a context: it begins on entering, and is over on leaving. In each at least one node dies, which has to be told.
"""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from random import Random
from signal import SIGCONT, SIGSTOP
from typing import Final

from rigwatch.topics import NodeId
from tests.clocked import set_by
from tests.e2e.faults.database import Sqlite
from tests.e2e.faults.doomed import SITE
from tests.e2e.faults.part import Part
from tests.e2e.faults.plan import Fault
from tests.e2e.faults.world import World
from tests.waiting import eventually

Do = Callable[[World, Fault], AbstractContextManager[None]]

CROWD: Final = 8
"""Nodes that are lost together."""
ODD: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 502 Bad Gateway\r\nRetry-After: soon\r\nContent-Length: 100\r\n\r\n<html>",
    b"HTTP/1.1 500 \r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nnothing\r\n",
    b"\x16\x03\x01 this is no HTTP at all\r\n\r\n",
    b"",
)
_CLOCKS: Final = (-7_200_000, 7_200_000, -86_400_000, 300_000)
"""By how many ms a clock is set; no further ahead than what is still kept afterwards."""
_KNOWN_S: Final = 30.0


def with_a_death(do: Do) -> Do:
    """A node dies in the middle of it."""

    @contextmanager
    def wrapped(world: World, fault: Fault) -> Iterator[None]:
        name = _born(world)
        with do(world, fault):
            deaths = world.doomed.die(name)
            yield
        for death in deaths:
            death.freed_at = time.time()

    return wrapped


@contextmanager
def full_database(world: World, _fault: Fault) -> Iterator[None]:
    if isinstance(world.database, Sqlite):
        world.database.shrink_log()
    world.database.disk.fill()
    yield
    world.database.disk.free()
    # PostgreSQL ends itself where it cannot write its log.
    world.database.start()


@contextmanager
def odd_answers(world: World, fault: Fault) -> Iterator[None]:
    world.channel.raw = ODD[fault.which % len(ODD)]
    yield
    world.channel.raw = None


@contextmanager
def slow_channel(world: World, _fault: Fault) -> Iterator[None]:
    hold = world.channel.hold = threading.Event()
    yield
    world.channel.hold = None
    hold.set()


@contextmanager
def server_clock(world: World, fault: Fault) -> Iterator[None]:
    set_by(world.server_clock, _CLOCKS[fault.which % len(_CLOCKS)])
    yield
    set_by(world.server_clock, 0)


@contextmanager
def rig_clock(world: World, fault: Fault) -> Iterator[None]:
    set_by(world.rig_clock, _CLOCKS[fault.which % len(_CLOCKS)])
    yield
    set_by(world.rig_clock, 0)


@contextmanager
def cloned(world: World, fault: Fault) -> Iterator[None]:
    """A publisher's disk, copied while it does not run; what is left in the clone's outboxes stays there."""
    original = world.publishers[-1]
    original.stop()
    home = world.folder / f"clone{fault.which}-{len(world.left_behind)}"
    shutil.copytree(original.home, home, ignore=shutil.ignore_patterns("*.lock"))
    world.start_publisher(original)
    clone = Part(original.command, world.rig(home, near=False, clocked=False))
    world.start_publisher(clone)
    yield
    clone.kill()
    world.left_behind.append(home / "outbox")


@contextmanager
def thief(world: World, _fault: Fault) -> Iterator[None]:
    """It is robbed, its key is revoked, and it comes back with its next: then it dies."""
    name = _born(world)
    world.doomed.rob(name)
    for command in ("revoke", "enroll"):
        done = world.web.rigwatch.run(command, name, "--site", SITE)
        assert done.returncode == 0, done.stderr
    world.doomed.join(name, generation=1)
    _known(world, name)
    deaths = world.doomed.die(name)
    yield
    for death in deaths:
        death.freed_at = time.time()


@contextmanager
def many_lost(world: World, fault: Fault) -> Iterator[None]:
    first, *others = (_born(world) for _ in range(CROWD + 1))
    deaths = world.doomed.die(first)
    world.let_pass(Random(fault.which).uniform(0.1, 1.0))  # noqa: S311 - no secret
    deaths += world.doomed.die(*others)
    yield
    for death in deaths:
        death.freed_at = time.time()


@contextmanager
def frozen_leader(world: World, _fault: Fault) -> Iterator[None]:
    world.standby.start()
    assert world.standby.program is not None
    world.standby.program.wait_for("connected to the broker", timeout=30)
    assert world.subscriber.program is not None
    process = world.subscriber.program.process
    process.send_signal(SIGSTOP)
    yield
    process.send_signal(SIGCONT)
    world.standby.stop()


def _born(world: World) -> str:
    name = world.doomed.born()
    _known(world, name)
    return name


def _known(world: World, name: str) -> None:
    """Its birth is stored: only then can it be missed."""
    eventually(lambda: world.state_of(NodeId(SITE, name)) == "online", timeout=_KNOWN_S, what=f"{name} is online")
