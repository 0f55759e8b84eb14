"""Lets a plan happen to an installation, and gives the account of it."""

import math
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from signal import SIGINT, SIGQUIT, Signals
from typing import Final

import psycopg

from tests.e2e.faults.database import Postgres, Sqlite, Stored, stored
from tests.e2e.faults.hardships import (
    cloned,
    frozen_leader,
    full_database,
    many_lost,
    odd_answers,
    rig_clock,
    server_clock,
    slow_channel,
    thief,
    with_a_death,
)
from tests.e2e.faults.judge import Account, Numbers, count, less, union
from tests.e2e.faults.part import Part
from tests.e2e.faults.plan import ON_SMALL_DISKS, Fault, Kind
from tests.e2e.faults.told import Excuse, false_alerts, hear, untold
from tests.e2e.faults.world import World
from tests.waiting import NeverHappenedError, eventually

PATIENCE_S = 20.0
TOLD_S = 180.0
"""After an absence of the subscriber nodes have 90 s to come back; and a channel that failed is tried again later."""
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
    excuses: list[Excuse] = field(default_factory=list)


def mourn(world: World, *, timeout: float = TOLD_S) -> list[str]:
    """Waits until every death was told; a line for each that was not, though nothing keeps it from being told."""

    def look() -> bool:
        world.tend()
        hear(world.doomed.deaths, list(world.channel.deliveries))
        return not untold(world.doomed.deaths)

    with suppress(NeverHappenedError):
        eventually(look, timeout=timeout, what="every death is told")
    return untold(world.doomed.deaths)


def cried_wolf(world: World, report: Report) -> list[str]:
    """A line for each message that called a node gone which was there."""
    return list(false_alerts(list(world.channel.deliveries), world.doomed.deaths, report.excuses))


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
        since = time.time()
        with _DO[fault.kind](world, fault):
            world.let_pass(fault.hold)
        report.excuses.append(Excuse(_away(world, fault), since, time.time()))
        outcome = Outcome(fault)
        report.outcomes.append(outcome)
        if not fault.overlaps and number < len(plan):
            outcome.took = _recovered(world, patience)
        took = "goes on with the next" if outcome.took is None else f"well after {outcome.took:.1f} s"
        say(f"{number} {fault.kind} for {fault.hold:.1f} s: {took}")
    if restart:
        report.excuses.append(Excuse(world.nodes_of(*world.publishers), time.time(), math.inf))
        for publisher in world.publishers:
            with _stopped_publisher(world, publisher):
                pass
    report.last = world.wait_until_well(world.now(), timeout=AT_THE_END_S)
    report.seconds = time.monotonic() - began
    return report


def settle(world: World, *, timeout: float = AT_THE_END_S) -> None:
    """Waits until all that was accepted so far is stored."""
    due, *_ = world.ledger.totals()
    due = less(due, _left_behind(world))

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
    waiting = union(waiting, _left_behind(world))
    eventually(
        lambda: set(world.shown().values()) == {"offline"}, timeout=AT_THE_END_S, what="every node is shown as offline"
    )
    # After it nothing is on its way any more.
    world.subscriber.stop()
    found = _stored(world)
    wrong = set(found.fleet.items()).symmetric_difference(found.fleet_of_samples.items())
    assert not wrong, f"the fleet's minutes are not what the samples say: {sorted(wrong)}"
    return account(world, found, waiting)


def _left_behind(world: World) -> Numbers:
    """What waits in outboxes of machines that are no more."""
    waiting: Numbers = {}
    for outbox in world.left_behind:
        waiting = union(waiting, world.ledger.read_outboxes(outbox))
    return waiting


def account(world: World, found: Stored, waiting: Numbers) -> Account:
    accepted, refused, reused = world.ledger.totals()
    return Account(accepted, refused, found.numbers, waiting, found.counted, reused)


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
    Kind.FULL_DATABASE: full_database,
    Kind.FULL_AND_DEATH: with_a_death(full_database),
    Kind.ODD_ANSWERS: with_a_death(odd_answers),
    Kind.SLOW_CHANNEL: with_a_death(slow_channel),
    Kind.SERVER_CLOCK: with_a_death(server_clock),
    Kind.RIG_CLOCK: with_a_death(rig_clock),
    Kind.CLONE: with_a_death(cloned),
    Kind.THIEF: thief,
    Kind.MANY_LOST: many_lost,
    Kind.FROZEN_LEADER: with_a_death(frozen_leader),
}


def _away(world: World, fault: Fault) -> frozenset[str]:
    """Whose absence is no false alert."""
    match fault.kind:
        case Kind.KILL_PUBLISHER | Kind.STOP_PUBLISHER:
            return world.nodes_of(_one_publisher(world, fault))
        case Kind.KILL_ON_FULL_OUTBOX:
            return world.nodes_of(world.publishers[0])
        case Kind.CUT_RIGS:
            return world.nodes_of(*world.publishers[1:])
        case Kind.CLONE:
            return world.nodes_of(world.publishers[-1])
        case _:
            return frozenset()
