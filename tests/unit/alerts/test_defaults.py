"""What is taken for granted of an incident, a context and a total of which nothing is said."""

from alerts.check import CheckContext
from alerts.incident import TRANSITIONS, Incident, IncidentState, Scope, Subject, transition_table
from alerts.rule import Rule
from alerts.status import NodeStatus
from alerts.totals import Hashrates
from tests.fake_clock import START
from tests.unit.alerts.contexts import FACTS, SERVER


def test_an_incident_that_begins_holds_and_nobody_was_told() -> None:
    new = Incident(1, Rule.LOST, Subject(Scope.SITE, "hall"), IncidentState.PENDING, START)
    assert new.holding
    assert (new.turned_at, new.members, new.came_back, new.told, new.owed_at) == (0, 0, 0, 0, 0)
    assert (new.owes, new.parent, new.fired_at, new.told_at) == (None, None, None, None)


def test_a_rule_is_asked_without_grace_and_outside_of_maintenance() -> None:
    plain = CheckContext(FACTS, SERVER, START, NodeStatus.ONLINE)
    assert (plain.grace, plain.maintained) == (0, False)


def test_no_nodes_make_nothing() -> None:
    nothing = Hashrates()
    assert (nothing.nodes, nothing.mixed, nothing.total) == (0, False, None)


def test_the_table_of_transitions_has_all_of_them() -> None:
    lines = transition_table().splitlines()[2:]
    changes = sum(len(events) for events in TRANSITIONS.values())
    assert len(lines) == changes + 2
    assert "| pending | held for its hold time | firing |" in lines
    assert [line for line in lines if "stays for the record" in line] == [
        "| resolved | | stays for the record |",
        "| dismissed | | stays for the record |",
    ]
