"""What several nodes draw together, and what they make of a watt. Pure."""

from collections.abc import Iterable
from typing import NamedTuple

from alerts.totals import Hashrates
from web import units
from web.node_view import NodeView, per_watt
from web.units import NOT_KNOWN, Quantity


class Draw(NamedTuple):
    """`power` is of all that tell theirs and are there. `efficiency` is of those that tell a hashrate as well, and not
    known where several algorithms are mined: what a watt makes of two of them says nothing."""

    power: Quantity = NOT_KNOWN
    efficiency: Quantity = NOT_KNOWN


def draw(shown: Iterable[NodeView], rates: Hashrates) -> Draw:
    """`rates` are theirs."""
    samples = [each.facts.sample for each in shown if each.counted and each.facts.sample]
    known = [(sample.power, sample.hashrate) for sample in samples if sample.power is not None]
    if not known:
        return Draw()
    watts = sum(power for power, _ in known)
    both = [(power, rate) for power, rate in known if rate is not None]
    made = None
    if both and not rates.mixed:
        made = per_watt(sum(rate for _, rate in both), sum(power for power, _ in both))
    return Draw(units.power(watts), units.efficiency(made or None))
