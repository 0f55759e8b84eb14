"""What the node page says of one node, as its template prints it: figures, what is wrong, who it is. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

from alerts.facts import Average
from alerts.ingest import CLOCK_TOLERANCE
from rigwatch.clock import Millis, in_millis
from rigwatch.figures import FIGURES, AlgorithmFigures
from rigwatch.messages import NodeState, Sample
from web import units
from web.language.texts import N_, joined, numeral
from web.language.texts import gettext as _
from web.levels import levels
from web.node_view import SIMULATED, NodeView, efficiency
from web.row import DisplaySettings, TimeText, unsaid
from web.units import Quantity


class FigureCard(NamedTuple):
    """One figure with its name; `note` stands below it in small letters. `level` is empty where it is not judged.
    `is_now`: it holds also while the node says nothing."""

    label: str
    value: Quantity
    level: str = ""
    note: str = ""
    is_now: bool = False


_USUAL: Final = ("hashrate", "peers", "block", "temperature", "power")
"""What is followed from sample to sample, and missed where a node had it."""


SINCE: Final[Mapping[NodeState, str]] = {
    NodeState.ONLINE: N_("Online since"),
    NodeState.LOST: N_("Lost since"),
    NodeState.OFFLINE: N_("Offline since"),
}


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
        "block": _("syncing") if sample.syncing else _behind(each.lag),
        "power": _efficiency(sample),
        "accepted": _refused(sample),
    }
    labels = {name: figure.label for name, figure in FIGURES.items() if figure.label}
    shown = [
        FigureCard(_(label), value, judged.get(name, ""), notes.get(name, ""))
        for name, label in labels.items()
        if (value := units.quantity(name, getattr(sample, name))) != units.NOT_KNOWN or name in ever
    ]
    works = [] if sample.algorithms is None else sample.algorithms.items()
    shown[1:1] = [_of_algorithm(name, work) for name, work in works if name != sample.algorithm]
    return shown


def warnings(each: NodeView) -> list[str]:
    """What somebody should look at though the node reports."""
    offset = each.facts.clock_offset or 0
    clock = (
        [_("%(error)s; its times are put right on arrival", error=units.clock_error(offset))]
        if abs(offset) > CLOCK_TOLERANCE
        else []
    )
    return [*unsaid(each), *clock]


def facts_of(each: NodeView, look: DisplaySettings, now: Millis) -> list[Fact]:
    """Who the node is, and since when; what is not known is left out."""
    facts, sample = each.facts, each.facts.sample
    texts = [
        (_("Name"), facts.name if facts.name != facts.id.node else ""),
        (_("Node"), facts.id.node),
        (_("Site"), facts.id.site),
        (_("Host"), facts.host),
        (_("Tags"), ", ".join(facts.tags)),
        (_("Reports every"), units.age(in_millis(facts.interval))),
        (_("Sources"), ", ".join(facts.sources)),
        (_("Publisher"), facts.version),
        (_("Clock"), _clock(facts.clock_offset)),
        (_("Not readable"), _odd(sample) if sample else ""),
    ]
    moments = [
        (_("Last report"), facts.last_report_at),
        (_(SINCE[facts.state]) if facts.state else "", facts.state_at),
        (_("Last share"), sample.last_share_at if sample else None),
        (_("First seen"), facts.first_seen_at),
        (_("Enrolled"), facts.enrolled_at),
    ]
    known = [Fact(label, units.age(now - at), look.moment(at)) for label, at in moments if at is not None and label]
    return known + [Fact(label, text) for label, text in texts if text]


def tags(each: NodeView) -> list[str]:
    """But for the one that says that it is simulated, which is shown in its own way."""
    return [tag for tag in each.facts.tags if tag != SIMULATED]


def _odd(sample: Sample) -> str:
    return "; ".join(f"{source}: {what}" for source, what in sorted(sample.odd.items()))


def _of_algorithm(name: str, work: AlgorithmFigures) -> FigureCard:
    accepted = work.accepted
    shares = "" if accepted is None else _("%(number)s shares accepted", number=numeral(f"{accepted:,}"))
    return FigureCard(_("Hashrate, %(algorithm)s", algorithm=name), units.hashrate(work.hashrate), note=shares)


def _behind(lag: int | None) -> str:
    if lag:
        return _("%(number)s behind the highest", number=numeral(f"{lag:,}"))
    return _("not behind") if lag == 0 else ""


def _clock(offset: Millis | None) -> str:
    if offset is None:
        return ""
    if abs(offset) > CLOCK_TOLERANCE:
        return units.clock_error(offset)
    return _("right (within %(number)s ms)", number=numeral(f"{max(abs(offset), 1):,}"))


def _efficiency(sample: Sample) -> str:
    made = efficiency(sample)
    return _("%(rate)s per W", rate=units.efficiency(made)) if made else ""


def _refused(sample: Sample) -> str:
    refused = (sample.rejected or 0) + (sample.stale or 0)
    if sample.accepted is None or not (sample.rejected is not None or sample.stale is not None):
        return ""
    every = sample.accepted + refused
    if not every:
        return _("none yet")
    said = _("%(number)s refused (%(share)s)", number=numeral(f"{refused:,}"), share=numeral(f"{refused / every:.1%}"))
    return joined((said, _("%(number)s invalid", number=numeral(f"{sample.invalid:,}")) if sample.invalid else ""))
