"""What the node page says of one node, as its template prints it: figures, what is wrong, who it is. Pure."""

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from alerts.facts import Average
from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis, in_millis
from rigwatch.figures import FIGURES, AlgorithmFigures
from rigwatch.messages import Sample
from web import units
from web.levels import levels
from web.node_view import SIMULATED, NodeView, efficiency
from web.row import DisplaySettings, TimeText, unsaid
from web.units import Quantity


class FigureCard(NamedTuple):
    """One figure with its name; `note` stands below it in small letters. `level` is empty where it is not judged."""

    label: str
    value: Quantity
    level: str = ""
    note: str = ""


_USUAL: Final = ("hashrate", "peers", "block", "temperature", "power")
"""What is followed from sample to sample, and missed where a node had it."""


class Fact(NamedTuple):
    """A line about the node. With `moment`, the text is an age that counts on."""

    label: str
    text: str
    moment: TimeText | None = None


def had(each: NodeView, samples: Iterable[Sample], average: Average | None) -> list[str]:
    """Which of the usual figures the node has, or had: in its latest `samples`, or on the average. Of a node that has
    told nothing yet, its hashrate."""
    recent = [*samples, *([each.facts.sample] if each.facts.sample else [])]
    kept = {"hashrate": average and average.hashrate_mean, "peers": average and average.peers_mean}
    found = [
        name
        for name in _USUAL
        if kept.get(name) is not None or any(getattr(sample, name) is not None for sample in recent)
    ]
    return found or ["hashrate"]


def works(each: NodeView) -> list[str]:
    """What it mines with, what, and for whom."""
    sample = each.facts.sample
    if sample is None:
        return []
    miner = f"{sample.miner.name} {sample.miner.version}".rstrip() if sample.miner else ""
    return [text for text in (miner, sample.algorithm or "", sample.pool or "") if text]


def figures(each: NodeView, look: DisplaySettings, ever: Collection[str]) -> list[FigureCard]:
    """Of the latest sample: those that are known, and those that are not by now but were (`ever`)."""
    sample, judged = each.facts.sample or Sample(n=1, at=0), levels(each, look.colours)
    notes = {
        "hashrate": sample.algorithm or "",
        "block": "syncing" if sample.syncing else _behind(each.lag),
        "power": _efficiency(sample),
        "accepted": _refused(sample),
    }
    values = {name: units.quantity(name, getattr(sample, name)) for name, figure in FIGURES.items() if figure.label}
    shown = [
        FigureCard(FIGURES[name].label or "", value, judged.get(name, ""), notes.get(name, ""))
        for name, value in values.items()
        if value != units.NOT_KNOWN or name in ever
    ]
    works = [] if sample.algorithms is None else sample.algorithms.items()
    shown[1:1] = [_of_algorithm(name, work) for name, work in works if name != sample.algorithm]
    return shown


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
        ("Reports every", units.age(in_millis(facts.interval))),
        ("Sources", ", ".join(facts.sources)),
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


def _of_algorithm(name: str, work: AlgorithmFigures) -> FigureCard:
    shares = "" if work.accepted is None else f"{work.accepted:,} shares accepted"
    return FigureCard(f"Hashrate, {name}", units.hashrate(work.hashrate), note=shares)


def _behind(lag: int | None) -> str:
    return f"{lag:,} behind the highest" if lag else ("not behind" if lag == 0 else "")


def _clock(offset: Millis | None) -> str:
    if offset is None:
        return ""
    return units.clock_error(offset) if abs(offset) > CLOCK_TOLERANCE else f"right (within {max(abs(offset), 1):,} ms)"


def _efficiency(sample: Sample) -> str:
    made = efficiency(sample)
    return f"{units.efficiency(made)} per W" if made else ""


def _refused(sample: Sample) -> str:
    refused = (sample.rejected or 0) + (sample.stale or 0)
    if sample.accepted is None or not (sample.rejected is not None or sample.stale is not None):
        return ""
    every = sample.accepted + refused
    invalid = f", {sample.invalid:,} invalid" if sample.invalid else ""
    return f"{refused:,} refused ({refused / every:.1%}){invalid}" if every else "none yet"
