"""What a node's plugs say, for its page: the power at the wall, and the energy of a day. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from alerts.energy import GAP
from alerts.plugs import PlugFacts
from rigwatch.clock import Millis
from web import units
from web.language.texts import gettext as _
from web.language.texts import ngettext, numeral
from web.node.figures import FigureCard

DAY: Final[Millis] = 24 * 3_600_000


def wall_power(plugs: Sequence[PlugFacts], drawn: Mapping[str, float], now: Millis) -> list[FigureCard]:
    """One figure for all its plugs together; none where it has none. `drawn` is the Wh of the last day by plug."""
    if not plugs:
        return []
    told = [plug.state.watts for plug in plugs if _is_fresh(plug, now) and plug.state.watts is not None]
    watts = sum(told) if len(told) == len(plugs) else None
    return [FigureCard(_("At the wall"), units.quantity("power", watts), note=_note(plugs, drawn), is_now=True)]


def _is_fresh(plug: PlugFacts, now: Millis) -> bool:
    state = plug.state
    return state.is_online is not False and now - state.watts_at <= GAP


def _note(plugs: Sequence[PlugFacts], drawn: Mapping[str, float]) -> str:
    watt_hours = [drawn[plug.name] for plug in plugs if plug.name in drawn]
    gone = [plug.name for plug in plugs if plug.state.is_online is False]
    others = max(len(plug.nodes) for plug in plugs) - 1
    return ", ".join(
        text
        for text in (
            _("%(number)s kWh in 24 h", number=numeral(f"{sum(watt_hours) / 1000:.1f}")) if watt_hours else "",
            ngettext("with %(number)s other node", "with %(number)s other nodes", others) if others else "",
            _("%(names)s does not answer", names=", ".join(gone)) if gone else "",
        )
        if text
    )
