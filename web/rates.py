"""The total hashrate as pages show it: one figure, or one for each algorithm that is mined. Pure."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from alerts.totals import Hashrates, hashrates, named
from rigwatch.topics import NodeId
from web import units
from web.language.texts import gettext as _
from web.node_view import NodeView, against


class Rate(NamedTuple):
    """A rate and its unit; `algorithm` is empty where it is the only one."""

    text: str
    unit: str = ""
    algorithm: str = ""

    def __str__(self) -> str:
        return " ".join(each for each in self if each)


def total(shown: Iterable[NodeView]) -> Hashrates:
    """Of those whose figures are of now."""
    return hashrates(each.facts.sample for each in shown if each.counted and each.facts.sample)


def rates(of: Hashrates) -> list[Rate]:
    """At least one: the total, or each algorithm's own."""
    if not of.mixed:
        return [Rate(*units.hashrate(of.total))]
    shown, more = named(of)
    return [Rate(*units.hashrate(rate), name) for rate, name in shown] + [
        Rate(_("and %(number)s more", number=more))
    ] * bool(more)


def change(of: Hashrates, shown: Iterable[NodeView], before: Mapping[NodeId, float]) -> str:
    """By how many per cent those nodes make more than `before`; empty where that is not known, or of several things."""
    if of.mixed:
        return ""
    return units.change(*against(shown, before)).replace(units.UNKNOWN, "")
