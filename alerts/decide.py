"""What a finding does to an incident: one step, with its reason and the next moment to look. Pure."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from msgspec import Struct
from msgspec.structs import replace

from alerts.check import CheckResult, Holds
from alerts.incident import OVER, Event, Incident, IncidentState, NotificationKind, Spell, following
from alerts.policy import Policy
from alerts.rule import RulePolicy
from alerts.words import duration, spelled
from rigwatch.clock import Millis
from rigwatch.settings.alerts import OFTEN_MAX

_COMES_AND_GOES = "comes and goes: "


class Transition(Struct, frozen=True):
    """A transition that was made, and why in words."""

    after: IncidentState
    reason: str


class Step(Struct, frozen=True):
    """The incident afterwards, what was decided on the way, and when time alone may change it."""

    incident: Incident
    changes: tuple[Transition, ...] = ()
    check_at: Millis | None = None


class _Case(NamedTuple):
    """What a decision is made of, besides the incident. `general` gives what flapping is."""

    result: CheckResult
    policy: RulePolicy
    general: Policy
    now: Millis


class _Next(NamedTuple):
    event: Event | None
    reason: str = ""
    check_at: Millis | None = None


def decide(incident: Incident, result: CheckResult, policy: RulePolicy, *, general: Policy, now: Millis) -> Step:
    """Applies a finding, as many transitions as it takes. An incident that is over stays as it is."""
    if result.holds is Holds.MOOT:
        return close(incident, result.evidence, now) if incident.is_open else Step(incident)
    case = _Case(result, policy, general, now)
    changes: list[Transition] = []
    if result.holds is Holds.YES:
        incident = replace(incident, evidence=result.evidence, severity=policy.severity)
    while True:
        event, reason, check_at = _NEXT[incident.state](incident, case)
        if event is None:
            return Step(_turned(incident, case), tuple(changes), check_at)
        after = following(incident.state, event)
        incident = replace(incident, state=after, **_FIELDS.get(event, _nothing)(incident, case))
        changes.append(Transition(after, reason))


def close(incident: Incident, reason: str, now: Millis) -> Step:
    """The rule was switched off, the node is gone, or what it was about has become another thing."""
    after = following(incident.state, Event.CLOSED)
    closed = replace(incident, state=after, resolved_at=now, ended=reason, owes=_owed_at_the_end(incident), owed_at=now)
    return Step(closed, (Transition(after, reason),))


def _pending(incident: Incident, case: _Case) -> _Next:
    result, policy, general, now = case
    if result.holds is Holds.NO:
        spells = _spells(incident, case)
        if policy.often and len(spells) >= policy.often:
            return _Next(Event.ENDED_AGAIN, f"{_COMES_AND_GOES}{spelled(spells)}; the hold is {duration(policy.hold)}")
        lasted = duration(max(now - incident.since, 0))
        return _Next(Event.ENDED, f"over after {lasted}, less than the hold of {duration(policy.hold)}")
    if result.holds is Holds.UNKNOWN:
        return _Next(None, check_at=result.check_at)
    due = incident.since + policy.hold
    if now < due:
        return _Next(None, check_at=due)
    if len(_recent(incident, case)) + 1 >= general.flap_changes:
        often = f"changed {general.flap_changes} times within {duration(general.flap_within)}"
        return _Next(Event.HELD_AGAIN, often)
    return _Next(Event.HELD, f"held for {duration(now - incident.since)}, the hold is {duration(policy.hold)}")


def _firing(_incident: Incident, case: _Case) -> _Next:
    if case.result.holds is Holds.NO:
        wait = duration(case.policy.clear_hold)
        return _Next(Event.ENDED, f"ended: {case.result.evidence}; the clear-hold is {wait}")
    return _Next(None, check_at=case.result.check_at)


def _clearing(incident: Incident, case: _Case) -> _Next:
    if case.result.holds is Holds.YES:
        return _Next(Event.CAME_BACK, f"came back after {duration(case.now - incident.turned_at)}")
    if case.result.holds is Holds.UNKNOWN:
        return _Next(None, check_at=case.result.check_at)
    due = incident.turned_at + case.policy.clear_hold
    if case.now < due:
        return _Next(None, check_at=due)
    return _Next(Event.STAYED_AWAY, f"over: {case.result.evidence}")


def _flapping(incident: Incident, case: _Case) -> _Next:
    if case.result.holds is Holds.UNKNOWN:
        return _Next(None, check_at=case.result.check_at)
    turned = _turned(incident, case)
    if turned.spells and turned.holding:
        # It never held for so long before.
        held = case.now - turned.turned_at
        if held >= case.policy.hold:
            return _Next(Event.HELD, f"held for {duration(held)}, the hold is {duration(case.policy.hold)}")
        return _Next(None, check_at=turned.turned_at + case.policy.hold)
    due = turned.turned_at + (case.general.often_within if turned.spells else case.general.flap_within)
    if case.now < due:
        return _Next(None, check_at=due)
    stable = duration(case.now - turned.turned_at)
    if turned.holding:
        return _Next(Event.SETTLED_BAD, f"unchanged for {stable}, and still holds")
    return _Next(Event.SETTLED_GOOD, f"unchanged for {stable}, and over")


def _over(_incident: Incident, _case: _Case) -> _Next:
    return _Next(None)


_NEXT: dict[IncidentState, Callable[[Incident, _Case], _Next]] = {
    IncidentState.PENDING: _pending,
    IncidentState.FIRING: _firing,
    IncidentState.CLEARING: _clearing,
    IncidentState.FLAPPING: _flapping,
    **dict.fromkeys(OVER, _over),
}


def _nothing(_incident: Incident, _case: _Case) -> dict[str, Any]:
    return {}


def _owing(kind: NotificationKind, case: _Case) -> dict[str, Any]:
    """People are told as the schedule says, and never where that is empty."""
    wait = case.policy.schedule[0] if case.policy.schedule else 0
    owes = kind if case.policy.schedule else None
    return {"fired_at": case.now, "owes": owes, "owed_at": case.now + wait}


def _held(incident: Incident, case: _Case) -> dict[str, Any]:
    changes = (*_recent(incident, case), case.now)
    since = _turned(incident, case).turned_at if incident.state is IncidentState.FLAPPING else incident.since
    return {**_owing(NotificationKind.FIRST, case), "changes": changes, "since": since, "holding": True, "spells": ()}


def _held_again(incident: Incident, case: _Case) -> dict[str, Any]:
    return {
        **_held(incident, case),
        **_owing(NotificationKind.FLAPPING, case),
        "turned_at": case.now,
        "parent": None,
    }


def _ended(incident: Incident, case: _Case) -> dict[str, Any]:
    ended = {"turned_at": case.now, "holding": False, "ended": case.result.evidence}
    if incident.state is not IncidentState.PENDING:
        return ended
    return {**ended, "resolved_at": case.now, "spells": _spells(incident, case) if case.policy.often else ()}


def _ended_again(incident: Incident, case: _Case) -> dict[str, Any]:
    spells = _spells(incident, case)
    told = {**_owing(NotificationKind.FLAPPING, case), "evidence": _evidence_of(spells)}
    return {**told, "since": spells[0].since, "turned_at": case.now, "holding": False, "spells": spells}


def _came_back(_incident: Incident, case: _Case) -> dict[str, Any]:
    return {"turned_at": case.now, "holding": True}


def _stayed_away(incident: Incident, case: _Case) -> dict[str, Any]:
    changes = (*_recent(incident, case), case.now)
    owes = _owed_at_the_end(incident) if case.policy.recovery else None
    return {"resolved_at": incident.turned_at, "changes": changes, "owes": owes, "owed_at": case.now}


def _settled_bad(_incident: Incident, case: _Case) -> dict[str, Any]:
    return {"owes": NotificationKind.SETTLED, "owed_at": case.now, "told": 1, "fired_at": case.now, "changes": ()}


def _settled_good(incident: Incident, case: _Case) -> dict[str, Any]:
    owes = NotificationKind.SETTLED if incident.told_at is not None else None
    return {
        "resolved_at": case.now,
        "ended": case.result.evidence,
        "owes": owes,
        "owed_at": case.now,
        "changes": (),
        "spells": (),
    }


_FIELDS: dict[Event, Callable[[Incident, _Case], dict[str, Any]]] = {
    Event.HELD: _held,
    Event.HELD_AGAIN: _held_again,
    Event.ENDED: _ended,
    Event.ENDED_AGAIN: _ended_again,
    Event.CAME_BACK: _came_back,
    Event.STAYED_AWAY: _stayed_away,
    Event.SETTLED_BAD: _settled_bad,
    Event.SETTLED_GOOD: _settled_good,
}


def _turned(incident: Incident, case: _Case) -> Incident:
    """While it flaps, every coming and going starts the wait for calm anew."""
    if incident.state is not IncidentState.FLAPPING or case.result.holds is Holds.UNKNOWN:
        return incident
    holding = case.result.holds is Holds.YES
    if holding is incident.holding:
        return incident
    if incident.spells and holding:
        since = case.result.since if case.result.since is not None else case.now
        return replace(incident, holding=True, turned_at=max(min(since, case.now), incident.turned_at))
    if incident.spells:
        spells = _spells(incident, case)
        evidence = _evidence_of(spells)
        return replace(incident, holding=False, turned_at=case.now, spells=spells, evidence=evidence)
    return replace(incident, holding=holding, turned_at=case.now)


def _spells(incident: Incident, case: _Case) -> tuple[Spell, ...]:
    """The recent ones, and the one that has just ended."""
    since = incident.turned_at if incident.state is IncidentState.FLAPPING else incident.since
    recent = [spell for spell in incident.spells if spell.until > case.now - case.general.often_within]
    return (*recent, Spell(min(since, case.now), case.now))[-OFTEN_MAX:]


def _evidence_of(spells: Sequence[Spell]) -> str:
    return f"{_COMES_AND_GOES}{spelled(spells)}"


def _recent(incident: Incident, case: _Case) -> tuple[Millis, ...]:
    return tuple(at for at in incident.changes if at > case.now - case.general.flap_within)


def _owed_at_the_end(incident: Incident) -> NotificationKind | None:
    # Nobody was told, or a parent speaks for it: there is nothing to take back.
    return NotificationKind.RECOVERY if incident.told_at is not None and incident.parent is None else None
