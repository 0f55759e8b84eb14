"""Silences and maintenance as templates print them. Pure."""

from typing import NamedTuple

from alerts.facts import NodeFacts
from alerts.silence import Silence, Target, matches
from alerts.words import duration
from rigwatch.clock import Millis
from web.language.texts import gettext as _
from web.row import DisplaySettings


class SilenceRow(NamedTuple):
    """A line. `stands` is where it stands now: running, planned, waiting (it recurs) or ended; `nodes` how many nodes
    it is about now, None where that is not asked."""

    number: int
    kind: str
    stands: str
    about: tuple[tuple[str, str], ...]
    when: str
    left: str
    by: str
    why: str
    made: str
    nodes: int | None = None


def silence_row(silence: Silence, look: DisplaySettings, now: Millis, nodes: int | None = None) -> SilenceRow:
    stands, when, left = _times(silence, look, now)
    given = ((name, getattr(silence.matcher, name)) for name in silence.matcher.__struct_fields__)
    return SilenceRow(
        number=silence.id,
        kind=silence.kind.value,
        stands=stands,
        about=tuple((name, value) for name, value in given if value),
        when=when,
        left=left,
        by=silence.by,
        why=silence.why,
        made=look.zone.full(silence.created_at),
        nodes=nodes,
    )


def counted(silence: Silence, nodes: list[NodeFacts]) -> int:
    """How many nodes it may be about, its rule and severity aside."""
    place = {name: getattr(silence.matcher, name) for name in ("site", "host", "node")}
    about = type(silence.matcher)(**place)
    return sum(1 for each in nodes if matches(about, Target(each.id.site, each.host, each.id.node)))


def _times(silence: Silence, look: DisplaySettings, now: Millis) -> tuple[str, str, str]:
    zone = look.zone
    until = silence.until(now, zone.tz)
    if now >= silence.ends_at:
        span = _("%(begin)s to %(end)s", begin=zone.full(silence.starts_at)[:16], end=zone.full(silence.ends_at)[:16])
        ended = _("ended by %(name)s", name=silence.ended_by) if silence.ended_by else _("ended")
        return "ended", span, ended
    if silence.every:
        every = _("every %(day)s for %(time)s", day=silence.every, time=duration(silence.lasts))
        running = _("not now") if until is None else _("until %(time)s", time=zone.full(until)[:16])
        return ("running" if until is not None else "waiting"), every, running
    if until is None:
        span = duration(silence.ends_at - silence.starts_at)
        return (
            "planned",
            _("%(begin)s for %(time)s", begin=zone.full(silence.starts_at)[:16], time=span),
            _("begins in %(time)s", time=duration(silence.starts_at - now)),
        )
    running = _("until %(time)s", time=zone.full(until)[:16])
    return "running", running, _("%(time)s left", time=duration(until - now))
