"""Which faults happen, in which order, and for how long: a pure function of the seed, so that a run can be repeated."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random


class Kind(StrEnum):
    """What can go wrong with an installation."""

    KILL_BROKER = "broker killed"
    STOP_BROKER = "broker restarted"
    KILL_SUBSCRIBER = "subscriber killed"
    STOP_SUBSCRIBER = "subscriber restarted"
    KILL_PUBLISHER = "publisher killed"
    STOP_PUBLISHER = "publisher restarted"
    KILL_WEB = "dashboard killed"
    STOP_DATABASE = "PostgreSQL restarted"
    CRASH_DATABASE = "PostgreSQL crashed"
    LOCK_DATABASE = "SQLite locked by another"
    CUT_RIGS = "rigs' network cut"
    CUT_SUBSCRIBER = "subscriber's network cut"
    POWER_CUT = "subscriber's machine without power"
    FULL_OUTBOX = "rig's disk full"
    KILL_ON_FULL_OUTBOX = "publisher killed on a full disk"
    FULL_DATABASE = "database's disk full"
    FULL_AND_DEATH = "database's disk full while nodes die"
    ODD_ANSWERS = "channel answers oddly"
    SLOW_CHANNEL = "channel answers after long"
    SERVER_CLOCK = "server's clock set"
    RIG_CLOCK = "rigs' clock set"
    CLONE = "rigs cloned"
    THIEF = "key stolen, and revoked"
    MANY_LOST = "many nodes lost, one pending beside them"
    FROZEN_LEADER = "driving subscriber frozen"


ANYWHERE = (
    Kind.KILL_BROKER,
    Kind.STOP_BROKER,
    Kind.KILL_SUBSCRIBER,
    Kind.STOP_SUBSCRIBER,
    Kind.KILL_PUBLISHER,
    Kind.STOP_PUBLISHER,
    Kind.KILL_WEB,
    Kind.CUT_RIGS,
    Kind.FULL_OUTBOX,
    Kind.KILL_ON_FULL_OUTBOX,
    Kind.FULL_DATABASE,
    Kind.FULL_AND_DEATH,
    Kind.ODD_ANSWERS,
    Kind.SLOW_CHANNEL,
    Kind.SERVER_CLOCK,
    Kind.RIG_CLOCK,
    Kind.CLONE,
    Kind.THIEF,
    Kind.MANY_LOST,
)
ON_SQLITE = (*ANYWHERE, Kind.LOCK_DATABASE)
# Only there can the subscriber stand on another machine than its database, and a second one beside it.
ON_POSTGRES = (
    *ANYWHERE,
    Kind.STOP_DATABASE,
    Kind.CRASH_DATABASE,
    Kind.CUT_SUBSCRIBER,
    Kind.POWER_CUT,
    Kind.FROZEN_LEADER,
)
ON_SMALL_DISKS = frozenset({Kind.FULL_OUTBOX, Kind.KILL_ON_FULL_OUTBOX, Kind.FULL_DATABASE, Kind.FULL_AND_DEATH})


@dataclass(frozen=True, slots=True)
class Fault:
    """`after` so many seconds it happens, and lasts for `hold`; `which` chooses among publishers, where there are many.

    With `overlaps` the next one does not wait until everybody has got over this one.
    """

    kind: Kind
    after: float
    hold: float
    which: int
    overlaps: bool


def share(seed: int) -> tuple[tuple[Kind, ...], tuple[Kind, ...]]:
    """Each kind for one of the two databases: what can happen on both is dealt out, a little more to SQLite."""
    chance = Random(seed)  # noqa: S311 - no secret
    dealt = chance.sample(ANYWHERE, len(ANYWHERE))
    only_sqlite, only_postgres = (kinds[len(ANYWHERE) :] for kinds in (ON_SQLITE, ON_POSTGRES))
    return (*dealt[:11], *only_sqlite), (*dealt[11:], *only_postgres)


def make_plan(
    seed: int, kinds: Sequence[Kind], count: int, *, longest: float = 3.0, rest: float = 1.5
) -> tuple[Fault, ...]:
    """So many faults: each kind once as far as there is room, the rest drawn; in an order drawn as well.

    None lasts for more than `longest` seconds, and none comes more than `rest` after the one before is over.
    """
    chance = Random(seed)  # noqa: S311 - no secret
    drawn = chance.sample(kinds, min(count, len(kinds)))
    drawn += chance.choices(kinds, k=count - len(drawn))
    chance.shuffle(drawn)
    return tuple(_fault(kind, chance, longest, rest) for kind in drawn)


def _fault(kind: Kind, chance: Random, longest: float, rest: float) -> Fault:
    return Fault(
        kind,
        after=round(chance.uniform(0.0, rest), 3),
        hold=round(chance.uniform(0.2, longest), 3),
        which=chance.randrange(1_000),
        overlaps=chance.random() < 0.25,
    )
