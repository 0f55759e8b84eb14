"""The table of transitions: what is in it happens, what is not raises and changes nothing."""

import itertools

import msgspec
import pytest

from alerts.incident import OVER, TRANSITIONS, Event, Incident, IncidentState, Scope, Subject, following
from alerts.rule import Rule


@pytest.mark.parametrize(("state", "event"), list(itertools.product(IncidentState, Event)))
def test_only_what_is_in_the_table_happens(state: IncidentState, event: Event) -> None:
    if event in TRANSITIONS[state]:
        assert following(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(ValueError, match=state.value):
            following(state, event)


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    reached = {after for events in TRANSITIONS.values() for after in events.values()} | {IncidentState.PENDING}
    assert reached == set(IncidentState)
    for state in set(IncidentState) - OVER:
        assert Event.CLOSED in TRANSITIONS[state]


def test_of_a_group_that_is_over_nobody_reads_who_was_left_last() -> None:
    group = Incident(
        1,
        Rule.LOST,
        Subject(Scope.SITE, "main"),
        IncidentState.FIRING,
        0,
        evidence="1 of 12 nodes",
        members=12,
        ended="",
    )
    assert group.gist == "1 of 12 nodes"
    over = msgspec.structs.replace(group, state=IncidentState.RESOLVED, resolved_at=9, ended="all are back")
    assert over.gist == "all are back"
    alone = msgspec.structs.replace(over, members=0, evidence="its connection broke")
    assert alone.gist == "its connection broke"
