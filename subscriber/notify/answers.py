"""What a person who asks is told: pure text from facts, for chats."""

from collections import Counter
from collections.abc import Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from alerts.facts import NodeFacts, ServerFacts
from alerts.incident import Incident
from alerts.rule import TITLES
from alerts.silence import Silence, SilenceKind, Target, silenced_by
from alerts.status import NodeStatus, status_at
from alerts.totals import hashrates, said
from alerts.words import duration, figures, hashrate
from rigwatch.clock import Millis
from rigwatch.texts import plain

_WELL = frozenset({NodeStatus.ONLINE, NodeStatus.PENDING})
_NAMED = 30
HELP = "/status: the fleet in a line\n/down: what is not well\n/node NAME: one node"


class FleetState(Struct, frozen=True):
    """The fleet at one moment."""

    nodes: Sequence[NodeFacts]
    server: ServerFacts
    incidents: Sequence[Incident]
    silences: tuple[Silence, ...]
    zone: ZoneInfo
    now: Millis

    def status(self, facts: NodeFacts) -> NodeStatus:
        windows = [each for each in self.silences if each.kind is SilenceKind.MAINTENANCE]
        target = Target(facts.id.site, facts.host, facts.id.node)
        maintained = silenced_by(windows, target, self.now, self.zone) is not None
        return status_at(facts, self.server, self.now, maintained=maintained)


def answer(text: str, known: FleetState) -> str:
    """To `/status`, `/down` or `/node NAME`; anything else gets the list of these."""
    command, _, rest = text.strip().partition(" ")
    # In a group Telegram writes the bot's name behind the command.
    match command.partition("@")[0].lower():
        case "/status":
            return _status(known)
        case "/down":
            return _down(known)
        case "/node" if rest.strip():
            return _node(rest.strip(), known)
        case _:
            return HELP


def _status(known: FleetState) -> str:
    counts = Counter(known.status(facts).value for facts in known.nodes)
    rates = hashrates(
        facts.sample for facts in known.nodes if facts.sample and known.status(facts) in {"online", "degraded"}
    )
    total = said(rates, hashrate) if rates.mixed else f"{hashrate(rates.total or 0.0)} in all"
    shown = ", ".join(f"{count} {status}" for status, count in counts.most_common()) or "no nodes"
    open_ones = sum(1 for each in known.incidents if each.is_open and each.parent is None)
    return f"{shown}\n{total}\n{open_ones} incidents open"


def _down(known: FleetState) -> str:
    lines = []
    for facts in known.nodes:
        status = known.status(facts)
        if status not in _WELL:
            since = (
                f" for {duration(known.now - facts.state_at)}" if facts.state_at and status.value != "degraded" else ""
            )
            lines.append(f"{facts.id} {status.value}{since}")
    more = f"\nand {len(lines) - _NAMED} more" if len(lines) > _NAMED else ""
    return "\n".join(lines[:_NAMED]) + more if lines else "all is well"


def _node(name: str, known: FleetState) -> str:
    found = [facts for facts in known.nodes if name in {str(facts.id), facts.id.node, facts.name, facts.title}]
    if not found:
        return f"no node is called {plain(name, 80)}"
    return "\n\n".join(_one(facts, known) for facts in found[:5])


def _one(facts: NodeFacts, known: FleetState) -> str:
    lines = [f"{facts.id} {known.status(facts).value}"]
    if facts.sample and facts.last_report_at is not None:
        lines.append(f"{duration(known.now - facts.last_report_at)} ago: {figures(facts.sample)}")
    lines += [
        f"{TITLES[each.rule]} for {duration(known.now - each.since)}: {each.evidence}"
        for each in known.incidents
        if each.is_open and (each.subject.site, each.subject.name) == (facts.id.site, facts.id.node)
    ]
    return "\n".join(lines)
