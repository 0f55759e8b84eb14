"""What is known, as plain values: what the store gives to the status rules, the web and the alerts. No database.

What there is of each node is a msgspec Struct: made a thousand times a page, at a fifth of a frozen dataclass's cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from msgspec import Struct

from alerts.quota import DayUse
from rigwatch.clock import Millis
from rigwatch.figures import Gpu
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId

DEFAULT_INTERVAL = timedelta(seconds=60)
"""What a node is taken to report at until its birth says otherwise."""


REVOKED = "its key was revoked"
"""How the reason of a node begins whose connection the server itself ended, on purpose: nobody misses it."""

KEY_ENDED = "its key is no longer accepted"
"""The reason of a node that was left behind when its key was rotated: it may be well, but cannot be heard any more."""


class NodeFacts(Struct, frozen=True):
    """All that is stored of one node but its history. Times are the server's.

    `state` is what the node (or its will) said last, and since when; None = never heard of, only enrolled. `session` is
    0 until then. `sample` holds the latest live values, its `at` put right by the server; None = no report yet.
    `clock_offset` is by how many ms the node's clock was behind at its last report (negative: ahead); None = not known.
    `given` is the name that an administrator gave it on the server; `tags` has those given there after its own.
    `born_at` is when its last session was first heard of alive; None = before anybody noted it. `today` is what it has
    taken of its daily quota, on the last day on which samples came.
    `contested_at` is when two publishers of it were last seen, and `contest` by what.
    """

    id: NodeId
    name: str = ""
    host: str = ""
    version: str = ""
    tags: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    interval: timedelta = DEFAULT_INTERVAL
    state: NodeState | None = None
    state_at: Millis | None = None
    reason: str = ""
    session: int = 0
    enrolled_at: Millis | None = None
    first_seen_at: Millis | None = None
    last_report_at: Millis | None = None
    sample: Sample | None = None
    clock_offset: int | None = None
    given: str = ""
    born_at: Millis | None = None
    today: DayUse = DayUse()
    contested_at: Millis | None = None
    contest: str = ""

    @property
    def title(self) -> str:
        """What people call it: the name given on the server, else the one it gave itself, else its name in topics."""
        return self.given or self.name or self.id.node

    @property
    def connected(self) -> bool:
        """Whether it is there as far as its own words go; `alerts.status` judges whether they can still be believed."""
        return self.state is NodeState.ONLINE


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The subscriber itself: since when it has a broker (None = it has none), and its last sign of life."""

    connected_at: Millis | None = None
    beat_at: Millis | None = None


class Average(Struct, frozen=True):
    """Means of one node over a span of its history; None where no sample of the span had the figure.

    `samples` counts those that had a hashrate: an unreachable miner is not a miner at 0 H/s.
    """

    hashrate_mean: float | None
    peers_mean: float | None
    samples: int


class NodeChange(Struct, frozen=True):
    """A node came or went: from `at` on it was in that state, until its next change. A new birth is one as well.

    `interval` is at which it reports from then on; None = that was not noted.
    """

    at: Millis
    state: NodeState
    reason: str = ""
    interval: Millis | None = None


class Point(Struct, frozen=True):
    """One node over one step of a chart: means (the block: the highest), None where no sample had the figure.

    `at` is the mean of its samples' times, `first` and `last` are their ends; `failing` counts those of which a source
    could not be read. `gpus_n` is the `n` of its last sample that tells of GPUs.
    """

    at: Millis
    first: Millis
    last: Millis
    samples: int
    hashrate: float | None = None
    peers: float | None = None
    block: int | None = None
    temperature: float | None = None
    power: float | None = None
    failing: int = 0
    gpus_n: int | None = None


class NodeCards(Struct, frozen=True):
    """A node's GPUs at one moment."""

    at: Millis
    gpus: tuple[Gpu, ...]


class FleetPoint(Struct, frozen=True):
    """The fleet over one step of a chart: the means of `MinuteTotal` over its minutes."""

    at: Millis
    hashrate: float
    nodes: float


@dataclass(frozen=True, slots=True)
class MinuteTotal:
    """The fleet in one minute: the sum over nodes of each node's mean hashrate (H/s), or its last one while that is
    fresh, and how many nodes that were."""

    minute: Millis
    hashrate: float
    nodes: int


class UserRole(StrEnum):
    """What a dashboard user may do."""

    VIEWER = "viewer"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class User:
    """A dashboard user. `password_hash` is whatever the web's password library wrote; never shown.

    `sites` None: `role` is for all of them. Else the user sees these alone, in the role that each has here, and `role`
    is viewer.
    """

    name: str
    role: UserRole
    password_hash: str
    sites: Mapping[str, UserRole] | None = None
    has_totp: bool = False

    def may_see(self, site: str) -> bool:
        return self.sites is None or site in self.sites

    def may_change(self, site: str) -> bool:
        role = self.role if self.sites is None else self.sites.get(site)
        return role is UserRole.ADMIN

    def __repr__(self) -> str:
        return f"User(name={self.name!r}, role={self.role.value!r})"
