"""Lets a plan happen to an installation, and gives the account of it."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from signal import SIGINT, SIGQUIT, Signals
from typing import Final

import psycopg

from tests.e2e.faults.database import Postgres, Sqlite, Stored, stored
from tests.e2e.faults.judge import Account, Numbers, count, less, union
from tests.e2e.faults.part import Part
from tests.e2e.faults.plan import ON_SMALL_DISKS, Fault, Kind
from tests.e2e.faults.world import World
from tests.waiting import NeverHappenedError, eventually

PATIENCE_S = 20.0
AT_THE_END_S = 120.0
"""A publisher tries a broker again after a minute at most, and a report without an ack after 20 s."""


@dataclass(slots=True)
class Outcome:
    """`took` is how many seconds after its end everybody was over it; None when the next fault came first."""

    fault: Fault
    took: float | None = None


@dataclass(slots=True)
class Report:
    outcomes: list[Outcome] = field(default_factory=list)
    last: float = 0.0
    """Seconds until everybody was well after the last fault."""
    seconds: float = 0.0


def inflict(
    world: World,
    plan: tuple[Fault, ...],
    *,
    patience: float = PATIENCE_S,
    restart: bool = False,
    say: Callable[[str], None] = lambda _: None,
) -> Report:
    """Everything in the plan, and then waits until all are well; an AssertionError when they never are.

    `patience` is how long is waited for everybody to get over a fault before the next one comes all the same. With
    `restart` the publishers are restarted in the end: they forget how long they meant to wait for a broker that is away
    again and again, and send at once what was never acknowledged.
    """
    report, began = Report(), time.monotonic()
    for number, fault in enumerate(plan, 1):
        if fault.kind in ON_SMALL_DISKS and not world.outbox_disk.can_be_filled:
            say(f"{number} {fault.kind}: left out, no disk of its own may be mounted here")
            continue
        world.let_pass(fault.after)
        with _DO[fault.kind](world, fault):
            world.let_pass(fault.hold)
        outcome = Outcome(fault)
        report.outcomes.append(outcome)
        if not fault.overlaps and number < len(plan):
            outcome.took = _recovered(world, patience)
        took = "goes on with the next" if outcome.took is None else f"well after {outcome.took:.1f} s"
        say(f"{number} {fault.kind} for {fault.hold:.1f} s: {took}")
    if restart:
        for publisher in world.publishers:
            with _stopped_publisher(world, publisher):
                pass
    report.last = world.wait_until_well(world.now(), timeout=AT_THE_END_S)
    report.seconds = time.monotonic() - began
    return report


def settle(world: World, *, timeout: float = AT_THE_END_S) -> None:
    """Waits until all that was accepted so far is stored."""
    due, _ = world.ledger.totals()

    def look() -> bool:
        world.tend()
        missing = less(due, _stored(world).numbers)
        assert not missing, f"{count(missing)} samples of {sorted(missing)[:5]} are not stored"
        return True

    eventually(look, timeout=timeout, what="all that was accepted is stored")


def close(world: World) -> Account:
    """Stops the publishers, sees them off, and counts."""
    for publisher in world.publishers:
        publisher.stop()
    waiting: Numbers = {}
    for publisher in world.publishers:
        waiting = union(waiting, world.ledger.read_outboxes(publisher.home / "outbox"))
    eventually(
        lambda: set(world.shown().values()) == {"offline"}, timeout=AT_THE_END_S, what="every node is shown as offline"
    )
    # After it nothing is on its way any more.
    world.subscriber.stop()
    found = _stored(world)
    wrong = set(found.fleet.items()).symmetric_difference(found.fleet_of_samples.items())
    assert not wrong, f"the fleet's minutes are not what the samples say: {sorted(wrong)}"
    return account(world, found, waiting)


def account(world: World, found: Stored, waiting: Numbers) -> Account:
    accepted, refused = world.ledger.totals()
    return Account(accepted, refused, found.numbers, waiting, found.counted)


def _stored(world: World) -> Stored:
    try:
        with world.database.opened() as connection:
            return stored(connection)
    except (sqlite3.Error, psycopg.Error) as exc:
        raise AssertionError(f"the database does not answer: {exc}") from exc


def _recovered(world: World, patience: float) -> float | None:
    try:
        return world.wait_until_well(world.now(), timeout=patience)
    except NeverHappenedError:
        return None


@contextmanager
def _killed(part: Part) -> Iterator[None]:
    part.kill()
    yield
    part.start()


@contextmanager
def _stopped(part: Part) -> Iterator[None]:
    part.stop()
    yield
    part.start()


@contextmanager
def _killed_publisher(world: World, publisher: Part) -> Iterator[None]:
    publisher.kill()
    world.ledger.read_outboxes(publisher.home / "outbox")
    yield
    world.start_publisher(publisher)


@contextmanager
def _stopped_publisher(world: World, publisher: Part) -> Iterator[None]:
    publisher.stop()
    yield
    world.start_publisher(publisher)


def _one_publisher(world: World, fault: Fault) -> Part:
    return world.publishers[fault.which % len(world.publishers)]


@contextmanager
def _without_database(world: World, how: Signals) -> Iterator[None]:
    assert isinstance(world.database, Postgres)
    world.database.stop(how)
    yield
    world.database.start()


@contextmanager
def _locked_database(world: World) -> Iterator[None]:
    assert isinstance(world.database, Sqlite)
    with world.database.locked():
        yield


@contextmanager
def _rigs_cut(world: World) -> Iterator[None]:
    world.rigs_cable.pull()
    yield
    world.rigs_cable.mend()


@contextmanager
def _subscriber_cut(world: World) -> Iterator[None]:
    assert world.server_cable is not None
    world.server_cable.pull()
    yield
    world.server_cable.mend()


@contextmanager
def _subscriber_without_power(world: World) -> Iterator[None]:
    assert world.server_cable is not None
    world.server_cable.pull()
    world.subscriber.kill()
    world.server_cable.power_off()
    yield
    world.server_cable.power_on()
    world.subscriber.start()


@contextmanager
def _full_outbox(world: World) -> Iterator[None]:
    world.outbox_disk.fill()
    yield
    world.outbox_disk.free()


@contextmanager
def _killed_on_full_outbox(world: World) -> Iterator[None]:
    """Started on the full disk, so that it has no room at all, and killed before it gets any."""
    publisher = world.publishers[0]
    publisher.stop()
    world.outbox_disk.fill()
    world.start_publisher(publisher)
    yield
    publisher.kill()
    world.outbox_disk.free()
    world.ledger.read_outboxes(publisher.home / "outbox")
    world.start_publisher(publisher)


@contextmanager
def _full_database(world: World) -> Iterator[None]:
    if isinstance(world.database, Sqlite):
        world.database.shrink_log()
    world.database.disk.fill()
    yield
    world.database.disk.free()
    # PostgreSQL ends itself where it cannot write its log.
    world.database.start()


_DO: Final[dict[Kind, Callable[[World, Fault], AbstractContextManager[None]]]] = {
    Kind.KILL_BROKER: lambda world, _: _killed(world.broker),
    Kind.STOP_BROKER: lambda world, _: _stopped(world.broker),
    Kind.KILL_SUBSCRIBER: lambda world, _: _killed(world.subscriber),
    Kind.STOP_SUBSCRIBER: lambda world, _: _stopped(world.subscriber),
    Kind.KILL_WEB: lambda world, _: _killed(world.web),
    Kind.KILL_PUBLISHER: lambda world, fault: _killed_publisher(world, _one_publisher(world, fault)),
    Kind.STOP_PUBLISHER: lambda world, fault: _stopped_publisher(world, _one_publisher(world, fault)),
    Kind.STOP_DATABASE: lambda world, _: _without_database(world, SIGINT),
    Kind.CRASH_DATABASE: lambda world, _: _without_database(world, SIGQUIT),
    Kind.LOCK_DATABASE: lambda world, _: _locked_database(world),
    Kind.CUT_RIGS: lambda world, _: _rigs_cut(world),
    Kind.CUT_SUBSCRIBER: lambda world, _: _subscriber_cut(world),
    Kind.POWER_CUT: lambda world, _: _subscriber_without_power(world),
    Kind.FULL_OUTBOX: lambda world, _: _full_outbox(world),
    Kind.KILL_ON_FULL_OUTBOX: lambda world, _: _killed_on_full_outbox(world),
    Kind.FULL_DATABASE: lambda world, _: _full_database(world),
}
