"""Silences and maintenance as templates print them. Pure."""

from typing import NamedTuple

from alerts.facts import NodeFacts
from alerts.mute import Mute, Target, matches
from alerts.words import duration
from rigwatch.clock import Millis
from web.row import Look


class MuteRow(NamedTuple):
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


def mute_row(mute: Mute, look: Look, now: Millis, nodes: int | None = None) -> MuteRow:
    stands, when, left = _times(mute, look, now)
    given = ((name, getattr(mute.matcher, name)) for name in mute.matcher.__struct_fields__)
    return MuteRow(
        number=mute.id,
        kind=mute.kind.value,
        stands=stands,
        about=tuple((name, value) for name, value in given if value),
        when=when,
        left=left,
        by=mute.by,
        why=mute.why,
        made=look.zone.full(mute.created_at),
        nodes=nodes,
    )


def counted(mute: Mute, nodes: list[NodeFacts]) -> int:
    """How many nodes it may be about, its rule and severity aside."""
    place = {name: getattr(mute.matcher, name) for name in ("site", "host", "node")}
    about = type(mute.matcher)(**place)
    return sum(1 for each in nodes if matches(about, Target(each.id.site, each.host, each.id.node)))


def _times(mute: Mute, look: Look, now: Millis) -> tuple[str, str, str]:
    zone = look.zone
    until = mute.until(now, zone.tz)
    ended_by = f" by {mute.ended_by}" if mute.ended_by else ""
    if now >= mute.ends_at:
        return "ended", f"{zone.full(mute.starts_at)[:16]} to {zone.full(mute.ends_at)[:16]}", f"ended{ended_by}"
    if mute.every:
        every = f"every {mute.every} for {duration(mute.lasts)}"
        running = f"until {zone.full(until)[:16]}" if until is not None else "not now"
        return ("running" if until is not None else "waiting"), every, running
    if until is None:
        span = duration(mute.ends_at - mute.starts_at)
        return "planned", f"{zone.full(mute.starts_at)[:16]} for {span}", f"begins in {duration(mute.starts_at - now)}"
    return "running", f"until {zone.full(until)[:16]}", f"{duration(until - now)} left"
