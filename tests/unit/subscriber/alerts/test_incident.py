"""The table of transitions: what is in it happens, what is not raises and changes nothing."""

import itertools

import pytest

from subscriber.alerts.incident import OVER, TRANSITIONS, Event, State, following


@pytest.mark.parametrize(("state", "event"), list(itertools.product(State, Event)))
def test_only_what_is_in_the_table_happens(state: State, event: Event) -> None:
    if event in TRANSITIONS[state]:
        assert following(state, event) is TRANSITIONS[state][event]
    else:
        with pytest.raises(ValueError, match=state.value):
            following(state, event)


def test_every_state_can_be_reached_and_every_open_one_can_end() -> None:
    reached = {after for events in TRANSITIONS.values() for after in events.values()} | {State.PENDING}
    assert reached == set(State)
    for state in set(State) - OVER:
        assert Event.CLOSED in TRANSITIONS[state]
