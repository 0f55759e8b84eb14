"""What would have fired with other settings of a rule, against those of now, out of the history of some days.

Bounded, for a fleet's week is ten million samples: as much of the latest past is taken as fits, and said so.
"""

import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

from alerts.incident import Incident
from alerts.notification import headline
from alerts.policy import Policy
from alerts.rule import OF_THE_FLEET, Rule
from alerts.trial import RuleTrialResult, TrialSide, WouldFire
from rigwatch.clock import Millis
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, reader
from store.times import HOUR
from subscriber.replay import Replayed, fired, history, play

ROWS_MAX: Final = 100_000
"""Samples that are taken at most, some 20 to 35 s of a core for each of the two runs."""
SECONDS_MAX: Final = 30.0
"""For which one run lasts at most; there are three where the second comes less far than the first."""
SHOWN_MAX: Final = 50


@dataclass(frozen=True, slots=True)
class TrialBounds:
    """`clock` is monotonic."""

    rows: int = ROWS_MAX
    seconds: float = SECONDS_MAX
    clock: Callable[[], float] = time.monotonic


DEFAULT_BOUNDS: Final = TrialBounds()


def rule_trial(
    store: Store,
    settings: tuple[ServerSettings, ServerSettings],
    rules: Collection[Rule],
    *,
    place: tuple[str, str] = ("", ""),
    since: Millis,
    now: Millis,
    bounds: TrialBounds = DEFAULT_BOUNDS,
) -> RuleTrialResult:
    """`settings` are those of now and the others, which differ in `rules`; of other rules nothing is told. `place` is
    the site and the node that it is about, empty where it is about all."""
    # A rule that compares nodes with one another needs all of them.
    site, node = place if OF_THE_FLEET.isdisjoint(rules) else ("", "")
    with store.read() as tx:
        hours = reader.samples_by_hour(tx, since, site=site, node=node)
    fitting = _fitting(hours, bounds.rows, since)
    # What is not stored was not looked at.
    begin = max(fitting, min(hours, default=0) * HOUR)

    def wanted(each: NodeId) -> bool:
        return site in ("", each.site) and node in ("", each.node)

    past = history(store, since=begin, now=now, wanted=wanted)
    one, other = (Policy(each.alerts, each.web.timezone) for each in settings)
    first = play(past, one, now=now, is_over=_limit(bounds))
    second = play(past, other, now=first.until, is_over=_limit(bounds))
    if second.until < first.until:
        # Both over the same time, or nothing could be compared.
        first = play(past, one, now=second.until)
    before, after = (_side(each, rules) for each in (first, second))
    is_cut = fitting > since or second.until < now
    return RuleTrialResult(begin, second.until, is_cut, second.samples, len(past.nodes), before, after)


def _limit(bounds: TrialBounds) -> Callable[[], bool]:
    end = bounds.clock() + bounds.seconds
    return lambda: bounds.clock() > end


def _fitting(hours: Mapping[int, int], most: int, since: Millis) -> Millis:
    """From when on what is stored fits; of the hour that does not, the part that does."""
    left = most
    for hour in sorted(hours, reverse=True):
        if hours[hour] > left:
            return max(since, (hour + 1) * HOUR - HOUR * left // hours[hour])
        left -= hours[hour]
    return since


def _side(replayed: Replayed, rules: Collection[Rule]) -> TrialSide:
    told = [each for each in fired(replayed) if each.rule in rules]
    return TrialSide(len(told), tuple(_shown(each, replayed.until) for each in told[::-1][:SHOWN_MAX]))


def _shown(incident: Incident, until: Millis) -> WouldFire:
    end = incident.resolved_at or until
    return WouldFire(
        incident.since,
        end - incident.since,
        incident.resolved_at is None,
        incident.severity.value,
        headline(incident),
        incident.evidence,
    )
