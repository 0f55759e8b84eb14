"""Silences and maintenance as templates print them. Pure."""

from typing import NamedTuple

from alerts.facts import NodeFacts
from alerts.silence import Silence, Target, matches
from alerts.words import duration
from rigwatch.clock import Millis
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
    ended_by = f" by {silence.ended_by}" if silence.ended_by else ""
    if now >= silence.ends_at:
        return "ended", f"{zone.full(silence.starts_at)[:16]} to {zone.full(silence.ends_at)[:16]}", f"ended{ended_by}"
    if silence.every:
        every = f"every {silence.every} for {duration(silence.lasts)}"
        running = f"until {zone.full(until)[:16]}" if until is not None else "not now"
        return ("running" if until is not None else "waiting"), every, running
    if until is None:
        span = duration(silence.ends_at - silence.starts_at)
        return (
            "planned",
            f"{zone.full(silence.starts_at)[:16]} for {span}",
            f"begins in {duration(silence.starts_at - now)}",
        )
    return "running", f"until {zone.full(until)[:16]}", f"{duration(until - now)} left"
