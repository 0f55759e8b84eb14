"""Rows of the overview as the template prints them: every text, unit and colour is decided here. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from alerts.facts import Average, MinuteTotal
from alerts.ingest import CLOCK_TOLERANCE
from alerts.rule import Rule
from alerts.status import NodeStatus
from rigwatch.clock import Millis, as_datetime, as_iso
from rigwatch.settings import WebColours
from rigwatch.texts import plain
from web import units
from web.colours import Level, worse
from web.language.texts import N_, numeral
from web.language.texts import gettext as _
from web.levels import levels
from web.node_view import SIMULATED, NodeView, cards, efficiency, remarks
from web.trouble import Trouble
from web.units import Quantity
from web.zone import Zone

MEANING: Final[Mapping[NodeStatus, str]] = {
    NodeStatus.LOST: N_("its connection broke, or its keep-alive ran out"),
    NodeStatus.SILENT: N_("connected, but no report for three intervals"),
    NodeStatus.DEGRADED: N_("reports, but one of its sources fails"),
    NodeStatus.UNKNOWN: N_("the subscriber has no broker, so nobody can say"),
    NodeStatus.OFFLINE: N_("said goodbye"),
    NodeStatus.MAINTENANCE: N_("somebody works on it"),
    NodeStatus.ONLINE: N_("connected and reporting"),
    NodeStatus.PENDING: N_("enrolled, never seen yet"),
}


_ALGORITHM_MAX: Final = 24


class TimeText(NamedTuple):
    """A moment in three ways: for machines, in full, and as a clock."""

    iso: str
    full: str
    clock: str


class NodeRow(NamedTuple):
    """A line of "Latest" but for its age. A stale node's figures are the last known, and have no colour."""

    id: str
    title: str
    node: str
    place: str
    host: str
    tags: tuple[str, ...]
    simulated: bool
    troubles: tuple[Trouble, ...]
    remarks: tuple[str, ...]
    clock_warning: str
    status: str
    word: str
    meaning: str
    hashrate: Quantity
    hashrate_level: str
    algorithm: str
    efficiency: Quantity
    cards: str
    cards_level: str
    peers: str
    peers_level: str
    block: str
    behind: str
    block_level: str
    syncing: bool
    temperature: Quantity
    temperature_level: str
    power: Quantity
    stale: bool
    last: TimeText | None


class AverageCells(NamedTuple):
    """What a row says of all that is kept. `change` is how far the node's hashrate of now is off its mean."""

    hashrate: Quantity
    change: str
    peers: str
    samples: str


NO_AVERAGE: Final = AverageCells(units.NOT_KNOWN, units.UNKNOWN, units.UNKNOWN, units.UNKNOWN)


class TotalRow(NamedTuple):
    """A line of "Totals per minute". `height` is in % of the highest; `running`: the minute is not over."""

    minute: str
    iso: str
    hashrate: Quantity
    nodes: str
    height: int
    running: bool


@dataclass(frozen=True, slots=True)
class DisplaySettings:
    """How figures are judged and times written: the settings' part in a row."""

    colours: WebColours
    zone: Zone

    def moment(self, at: Millis) -> TimeText:
        return TimeText(
            # With its milliseconds, so that the browser counts on from the same age.
            iso=as_iso(at),
            full=self.zone.full(at),
            clock=self.zone.clock(at),
        )


def unsaid(each: NodeView) -> tuple[str, ...]:
    """Its remarks, where no incident of it says the same."""
    return () if Rule.SOURCE_FAILING in {trouble.rule for trouble in each.troubles} else remarks(each.facts)


def node_row(each: NodeView, look: DisplaySettings) -> NodeRow:
    facts, sample = each.facts, each.facts.sample
    hashrate, peers, block = (sample.hashrate, sample.peers, sample.block) if sample else (None, None, None)
    offset = facts.clock_offset or 0
    level = levels(each, look.colours).get
    return NodeRow(
        id=str(facts.id),
        title=facts.title,
        node=facts.id.node if facts.title != facts.id.node else "",
        place=facts.id.site,
        host=facts.host,
        tags=tuple(tag for tag in facts.tags if tag != SIMULATED),
        simulated=SIMULATED in facts.tags,
        troubles=each.troubles,
        remarks=unsaid(each),
        clock_warning=units.clock_error(offset) if abs(offset) > CLOCK_TOLERANCE else "",
        status=each.status.value,
        word=_(each.status.value),
        meaning=facts.reason or _(MEANING[each.status]),
        hashrate=units.hashrate(hashrate),
        hashrate_level=level("hashrate", Level.NONE).value,
        algorithm=plain(sample.algorithm, _ALGORITHM_MAX) if sample and sample.algorithm else "",
        efficiency=units.efficiency(efficiency(sample)),
        cards=str(cards(sample) or ""),
        cards_level=worse(level("gpus", Level.NONE), level("boards", Level.NONE)).value,
        peers=units.count(peers),
        peers_level=level("peers", Level.NONE).value,
        block=units.count(block),
        behind=numeral(f"−{each.lag:,}") if each.lag else "",
        block_level=level("block", Level.NONE).value,
        syncing=bool(sample and sample.syncing),
        temperature=units.quantity("temperature", sample.temperature if sample else None),
        temperature_level=level("temperature", Level.NONE).value,
        power=units.quantity("power", sample.power if sample else None),
        stale=not each.counted,
        last=None if facts.last_report_at is None else look.moment(facts.last_report_at),
    )


def average_cells(each: NodeView, average: Average) -> AverageCells:
    now = each.facts.sample.hashrate if each.counted and each.facts.sample else None
    return AverageCells(
        hashrate=units.hashrate(average.hashrate_mean),
        change=units.change(now, average.hashrate_mean),
        peers=units.mean_count(average.peers_mean),
        samples=units.count(average.samples),
    )


def total_rows(totals: Iterable[MinuteTotal], now: Millis, zone: Zone) -> list[TotalRow]:
    """The running minute first, also where nobody counts in it: old figures must not look like those of now."""
    totals = list(totals)
    highest = max((each.hashrate for each in totals), default=0.0)
    running = now // 60_000 * 60_000
    iso = f"{as_datetime(running):%Y-%m-%dT%H:%MZ}"
    nobody = TotalRow(zone.minute(running), iso, units.NOT_KNOWN, _("no"), height=0, running=True)
    return [nobody] * bool(totals and totals[0].minute < running) + [
        TotalRow(
            minute=zone.minute(each.minute),
            iso=f"{as_datetime(each.minute):%Y-%m-%dT%H:%MZ}",
            hashrate=units.hashrate(each.hashrate),
            nodes=units.count(each.nodes),
            height=round(each.hashrate / highest * 100) if highest else 0,
            running=each.minute + 60_000 > now,
        )
        for each in totals
    ]
