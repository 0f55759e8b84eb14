"""One step of one incident, to the millisecond: what the time lines of the other tests are too coarse for."""

from typing import Any

import pytest

from alerts.check import UNKNOWN, CheckResult, Holds, no, yes
from alerts.decide import Step, decide
from alerts.incident import Incident, IncidentState, Scope, Spell, Subject
from alerts.policy import Policy
from alerts.rule import MINUTE, SECOND, Rule, RulePolicy
from tests.unit.alerts.timeline import settings

NOW = 1_760_000_000_000
GENERAL = Policy(settings(), "UTC")


def incident(state: IncidentState, **known: Any) -> Incident:  # noqa: ANN401 - a field of any kind
    return Incident(1, Rule.LOST, Subject(Scope.NODE, "main", "rig1"), state, **{"since": NOW - MINUTE, **known})


def step(before: Incident, result: CheckResult, **policy: Any) -> Step:  # noqa: ANN401 - a policy's
    return decide(before, result, RulePolicy(**policy), general=GENERAL, now=NOW)


def test_the_reasons_say_how_long() -> None:
    held = step(incident(IncidentState.PENDING), yes("gone"), hold=2 * SECOND)
    assert [each.reason for each in held.changes] == ["held for 1 min, the hold is 2 s"]
    back = step(incident(IncidentState.CLEARING, turned_at=NOW - 90 * SECOND, holding=False), yes("gone"))
    assert [each.reason for each in back.changes] == ["came back after 1 min 30 s"]
    calm = incident(IncidentState.FLAPPING, turned_at=NOW - GENERAL.flap_within, holding=False)
    assert [each.reason for each in step(calm, no("here")).changes] == ["unchanged for 10 min, and over"]


def test_what_came_back_holds() -> None:
    back = step(incident(IncidentState.CLEARING, turned_at=NOW - 1, holding=False), yes("gone"))
    assert (back.incident.state, back.incident.holding, back.incident.turned_at) == (IncidentState.FIRING, True, NOW)


def test_what_is_unknown_leaves_all_that_flaps_as_it_was() -> None:
    flapping = incident(IncidentState.FLAPPING, turned_at=NOW - 1, holding=True)
    assert step(flapping, UNKNOWN).incident == flapping


def test_what_comes_and_goes_began_with_the_first_of_its_times() -> None:
    spells = tuple(Spell(NOW - (9 - at) * MINUTE, NOW - (9 - at) * MINUTE + 1) for at in range(5))
    told = step(incident(IncidentState.PENDING, since=NOW - 1, spells=spells), no("here"), hold=MINUTE, often=6)
    assert told.incident.state is IncidentState.FLAPPING
    assert told.incident.since == spells[0].since
    assert told.incident.spells == (*spells, Spell(NOW - 1, NOW))


@pytest.mark.parametrize(
    ("since", "turned_at"),
    [
        (None, NOW),
        (NOW - 5, NOW - 5),
        # a clock that is ahead
        (NOW + 5, NOW),
        # before it was last over
        (NOW - MINUTE, NOW - 30),
    ],
)
def test_what_comes_and_goes_came_when_the_facts_say(since: int | None, turned_at: int) -> None:
    over = incident(IncidentState.FLAPPING, turned_at=NOW - 30, holding=False, spells=(Spell(NOW - MINUTE, NOW - 30),))
    here = step(over, CheckResult(Holds.YES, "gone", since), hold=MINUTE)
    assert (here.incident.holding, here.incident.turned_at) == (True, turned_at)
    assert here.check_at == turned_at + MINUTE


@pytest.mark.parametrize(("younger", "kept"), [(0, ()), (1, (NOW - GENERAL.flap_within + 1,))])
def test_a_change_counts_as_recent_for_so_long(younger: int, kept: tuple[int, ...]) -> None:
    change = NOW - GENERAL.flap_within + younger
    held = step(incident(IncidentState.PENDING, changes=(change,)), yes("gone"))
    assert held.incident.changes == (*kept, NOW)


@pytest.mark.parametrize("younger", [0, 1])
def test_a_time_that_it_came_and_went_counts_for_so_long(younger: int) -> None:
    old = Spell(NOW - GENERAL.often_within, NOW - GENERAL.often_within + younger)
    over = step(incident(IncidentState.PENDING, since=NOW - 9, spells=(old,)), no("here"), hold=MINUTE)
    assert over.incident.spells == ((old, Spell(NOW - 9, NOW)) if younger else (Spell(NOW - 9, NOW),))


@pytest.mark.parametrize(("state", "due"), [(IncidentState.PENDING, "since"), (IncidentState.CLEARING, "turned_at")])
def test_a_hold_is_over_on_the_millisecond(state: IncidentState, due: str) -> None:
    result = yes("gone") if state is IncidentState.PENDING else no("here")
    waits = step(
        incident(state, holding=state is IncidentState.PENDING, **{due: NOW - MINUTE + 1}),
        result,
        hold=MINUTE,
        clear_hold=MINUTE,
    )
    assert (waits.changes, waits.check_at) == ((), NOW + 1)
    over = step(
        incident(state, holding=state is IncidentState.PENDING, **{due: NOW - MINUTE}),
        result,
        hold=MINUTE,
        clear_hold=MINUTE,
    )
    assert len(over.changes) == 1
