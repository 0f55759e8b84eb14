"""What the node page says of one node, as its template prints it: figures, what is wrong, who it is. Pure."""

from typing import NamedTuple

from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis
from rigwatch.figures import AlgorithmFigures
from rigwatch.messages import Sample
from web import units
from web.colours import Level, hashrate_level, lag_level, peers_level
from web.node_view import SIMULATED, NodeView
from web.row import DisplaySettings, TimeText, unsaid
from web.units import Quantity


class Figure(NamedTuple):
    """One figure with its name; `note` stands below it in small letters. `level` is empty where it is not judged."""

    label: str
    value: Quantity
    level: str = ""
    note: str = ""


class Fact(NamedTuple):
    """A line about the node. With `moment`, the text is an age that counts on."""

    label: str
    text: str
    moment: TimeText | None = None


def figures(each: NodeView, look: DisplaySettings) -> list[Figure]:
    """Of the latest sample; the first three always, others where they are known."""
    sample, colours = each.facts.sample or Sample(n=1, at=0), look.colours
    judged = each.counted
    lag = f"{each.lag:,} behind the highest" if each.lag else ("not behind" if each.lag == 0 else "")
    block = "syncing" if sample.syncing else lag
    rate = hashrate_level(sample.hashrate, colours) if judged else Level.NONE
    peers = peers_level(sample.peers, colours) if judged else Level.NONE
    shown = [
        Figure("Hashrate", units.hashrate(sample.hashrate), rate.value, sample.algorithm or ""),
        Figure("Peers", _counted(sample.peers), peers.value),
        Figure("Block", _counted(sample.block), lag_level(each.lag, colours).value, block),
    ]
    optional = [
        Figure("Temperature", units.temperature(sample.temperature)),
        Figure("Power", units.power(sample.power), note=_efficiency(sample)),
        Figure("Fan", units.percent(sample.fan)),
        Figure("CPU", units.percent(sample.cpu)),
        Figure("Shares accepted", _counted(sample.accepted), note=_refused(sample)),
        Figure("Hardware errors", _counted(sample.hardware_errors)),
        Figure("Up for", _uptime(sample.uptime)),
    ]
    works = [] if sample.algorithms is None else sample.algorithms.items()
    shown[1:1] = [_of_algorithm(name, work) for name, work in works if name != sample.algorithm]
    return shown + [figure for figure in optional if figure.value != units.NOT_KNOWN]


def warnings(each: NodeView) -> list[str]:
    """What somebody should look at though the node reports."""
    offset = each.facts.clock_offset or 0
    clock = (
        [f"{units.clock_error(offset)}; its times are put right on arrival"] if abs(offset) > CLOCK_TOLERANCE else []
    )
    return [*unsaid(each), *clock]


def facts_of(each: NodeView, look: DisplaySettings, now: Millis) -> list[Fact]:
    """Who the node is, and since when; what is not known is left out."""
    facts, sample = each.facts, each.facts.sample
    texts = [
        ("Name", facts.name if facts.name != facts.id.node else ""),
        ("Node", facts.id.node),
        ("Site", facts.id.site),
        ("Host", facts.host),
        ("Tags", ", ".join(facts.tags)),
        ("Reports every", units.age(round(facts.interval.total_seconds() * 1000))),
        ("Sources", ", ".join(facts.sources)),
        ("Miner", f"{sample.miner.name} {sample.miner.version}".rstrip() if sample and sample.miner else ""),
        ("Pool", sample.pool or "" if sample else ""),
        ("Publisher", facts.version),
        ("Clock", _clock(facts.clock_offset)),
        ("Not readable", _odd(sample) if sample else ""),
    ]
    moments = [
        ("Last report", facts.last_report_at),
        (f"{facts.state.value.capitalize()} since" if facts.state else "", facts.state_at),
        ("Last share", sample.last_share_at if sample else None),
        ("First seen", facts.first_seen_at),
        ("Enrolled", facts.enrolled_at),
    ]
    known = [Fact(label, units.age(now - at), look.moment(at)) for label, at in moments if at is not None and label]
    return known + [Fact(label, text) for label, text in texts if text]


def tags(each: NodeView) -> list[str]:
    """But for the one that says that it is simulated, which is shown in its own way."""
    return [tag for tag in each.facts.tags if tag != SIMULATED]


def _odd(sample: Sample) -> str:
    return "; ".join(f"{source}: {what}" for source, what in sorted(sample.odd.items()))


def _of_algorithm(name: str, work: AlgorithmFigures) -> Figure:
    shares = "" if work.accepted is None else f"{work.accepted:,} shares accepted"
    return Figure(f"Hashrate, {name}", units.hashrate(work.hashrate), note=shares)


def _counted(value: int | None) -> Quantity:
    return units.NOT_KNOWN if value is None else Quantity(units.count(value))


def _uptime(seconds: float | None) -> Quantity:
    return units.NOT_KNOWN if seconds is None else Quantity(*units.age(round(seconds * 1000)).split())


def _clock(offset: Millis | None) -> str:
    if offset is None:
        return ""
    return units.clock_error(offset) if abs(offset) > CLOCK_TOLERANCE else f"right (within {max(abs(offset), 1):,} ms)"


def _efficiency(sample: Sample) -> str:
    if not sample.power or not sample.hashrate:
        return ""
    return f"{units.hashrate(sample.hashrate / sample.power)} per W"


def _refused(sample: Sample) -> str:
    refused = (sample.rejected or 0) + (sample.stale or 0)
    if sample.accepted is None or not (sample.rejected is not None or sample.stale is not None):
        return ""
    every = sample.accepted + refused
    invalid = f", {sample.invalid:,} invalid" if sample.invalid else ""
    return f"{refused:,} refused ({refused / every:.1%}){invalid}" if every else "none yet"
