"""What is taken for granted of an incident, a context and a total of which nothing is said."""

from datetime import timedelta

from alerts.check import CheckContext
from alerts.facts import NodeFacts, Point, User, UserRole
from alerts.incident import TRANSITIONS, Incident, IncidentState, Scope, Subject, transition_table
from alerts.node_history import NodeHistory
from alerts.rule import Rule
from alerts.status import NodeStatus
from alerts.totals import Hashrates
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
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


def test_a_node_that_was_only_enrolled_is_in_no_session_and_reports_once_a_minute() -> None:
    new = NodeFacts(NodeId("hall", "rig"))
    assert (new.session, new.connected, new.interval) == (0, False, timedelta(minutes=1))
    assert Point(1, 1, 1, 1).failing == 0


def test_a_node_is_called_by_the_name_that_was_given_last() -> None:
    assert NodeFacts(NodeId("hall", "rig")).title == "rig"
    assert NodeFacts(NodeId("hall", "rig"), name="Its own").title == "Its own"
    assert NodeFacts(NodeId("hall", "rig"), name="Its own", given="Ours").title == "Ours"
    assert NodeFacts(NodeId("hall", "rig"), state=NodeState.ONLINE).connected


def test_a_user_of_some_sites_sees_and_changes_nothing_elsewhere() -> None:
    everywhere = User("ann", UserRole.ADMIN, "")
    assert (everywhere.has_totp, everywhere.may_see("hall"), everywhere.may_change("hall")) == (False, True, True)
    assert not User("bob", UserRole.VIEWER, "").may_change("hall")
    some = User("cy", UserRole.VIEWER, "", {"hall": UserRole.ADMIN, "attic": UserRole.VIEWER})
    assert [(some.may_see(site), some.may_change(site)) for site in ("hall", "attic", "shed")] == [
        (True, True),
        (True, False),
        (False, False),
    ]


def test_of_a_node_that_never_reported_nothing_is_remembered() -> None:
    new = NodeHistory()
    assert (new.at, new.spacing, new.machine_at, new.draw_at, new.shared) == (0, 0, 0, 0, False)
