"""What people decide about nodes on the server, on each database."""

import pytest

from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule
from rigwatch.errors import NotDone
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from store import Store, alerts, marks, nodes, reader
from store.transaction import Transaction
from tests.alerting import every_incident
from tests.fake_clock import START
from tests.rigs import birth, report, rig, sample

RIG = rig("rig1")
HOUR = 3_600_000


@pytest.fixture
def known(store: Store) -> Store:
    """rig1 reported at START and calls itself Own."""
    store.take([RIG.heard(birth(name="Own")), RIG.heard(report(sample(hashrate=5.0)))])
    return store


def past_incident(tx: Transaction) -> None:
    incident = Incident(7, Rule.LOST, Subject(Scope.NODE, "main", "rig1"), IncidentState.RESOLVED, START - HOUR)
    tx.run(alerts._SAVE, alerts._row(incident))


def test_a_name_given_here_wins_until_it_is_taken_back(known: Store) -> None:
    known.change(lambda tx: nodes.rename(tx, RIG.id, "Given"))
    known.take([RIG.heard(birth(2, name="Another"))])
    assert [each.title for each in known.nodes()] == ["Given"]
    assert known.look(lambda tx: reader.some(tx, [RIG.id]))[0].title == "Given"
    known.change(lambda tx: nodes.rename(tx, RIG.id, ""))
    assert [each.title for each in known.nodes()] == ["Another"]


def test_tags_given_here_stand_beside_its_own(known: Store) -> None:
    known.change(lambda tx: nodes.set_tags(tx, RIG.id, ["b", "a"]))
    assert [each.tags for each in known.nodes()] == [("b", "a")]
    known.change(lambda tx: nodes.set_tags(tx, RIG.id, []))
    assert [each.tags for each in known.nodes()] == [()]


def test_a_retired_node_is_hidden_everywhere_and_can_come_back(known: Store) -> None:
    before = known.stamp()
    known.change(lambda tx: nodes.retire(tx, RIG.id, START))
    assert known.nodes() == []
    assert known.look(lambda tx: reader.some(tx, [RIG.id])) == []
    assert known.stamp() != before
    assert [each.retired_at for each in known.look(nodes.every)] == [START]
    assert known.samples(RIG.id, since=0, until=START + 1)
    known.change(lambda tx: nodes.restore(tx, RIG.id))
    assert [each.id for each in known.nodes()] == [RIG.id]


def test_enrolling_it_anew_brings_a_retired_node_back(known: Store) -> None:
    known.change(lambda tx: nodes.retire(tx, RIG.id, START))
    known.set_enrolled({RIG.id: START - 1})
    assert known.nodes() == []
    known.set_enrolled({RIG.id: START + 1})
    assert [each.id for each in known.nodes()] == [RIG.id]


def test_a_node_moves_with_its_history_its_name_and_its_past_incidents(known: Store) -> None:
    known.change(past_incident)
    known.change(lambda tx: nodes.rename(tx, RIG.id, "Given"))
    moved = NodeId("garage", "rig1")
    # As the subscriber may have noted the enrolment already.
    known.set_enrolled({RIG.id: START, moved: START})
    known.change(lambda tx: nodes.move(tx, RIG.id, "garage", START + HOUR))
    (facts,) = known.nodes()
    assert (facts.id, facts.title, facts.state, facts.state_at) == (moved, "Given", NodeState.OFFLINE, START + HOUR)
    assert "moved here from main" in facts.reason
    assert [each.hashrate for each in known.samples(moved, since=0, until=START + 1)] == [5.0]
    (incident,) = every_incident(known)
    assert incident.subject == Subject(Scope.NODE, "garage", "rig1")
    assert known.look(lambda tx: tx.rows("SELECT site FROM incident")) == [("garage",)]


def test_the_last_words_under_the_old_name_are_no_new_node(known: Store) -> None:
    known.change(lambda tx: nodes.move(tx, RIG.id, "garage", START + HOUR))
    known.take([RIG.heard(report(sample(START + 1, hashrate=1.0)))])
    assert [str(each.id) for each in known.nodes()] == ["garage/rig1"]


def test_it_is_told_as_what_a_moved_node_was_first_known(known: Store) -> None:
    assert known.look(nodes.origins) == {}
    known.change(lambda tx: nodes.move(tx, RIG.id, "garage", START))
    known.change(lambda tx: nodes.move(tx, NodeId("garage", "rig1"), "barn", START))
    moved = {node: origin for node, origin in known.look(nodes.origins).items() if node.site == "barn"}
    assert moved == {NodeId("barn", "rig1"): "main/rig1"}


def test_who_gets_the_name_of_a_moved_node_is_not_taken_for_it_also_when_moved(known: Store) -> None:
    known.change(lambda tx: nodes.move(tx, RIG.id, "garage", START))
    known.set_enrolled({RIG.id: START + 1})
    before = known.look(nodes.origins)[RIG.id]
    assert before.startswith("main/rig1/")
    known.change(lambda tx: nodes.move(tx, RIG.id, "barn", START))
    origins = known.look(nodes.origins)
    assert (origins[NodeId("garage", "rig1")], origins[NodeId("barn", "rig1")]) == ("main/rig1", before)


def test_a_node_does_not_move_onto_another(known: Store) -> None:
    known.take([rig("rig1", "garage").heard(birth())])
    with pytest.raises(NotDone, match="garage/rig1: is there already"):
        known.change(lambda tx: nodes.move(tx, RIG.id, "garage", START))
    assert [str(each.id) for each in known.nodes()] == ["garage/rig1", "main/rig1"]


def test_what_cannot_be_done_is_said_and_changes_nothing(known: Store) -> None:
    stranger = NodeId("main", "rig9")
    before = known.look(marks.changed)
    for do in (
        lambda tx: nodes.rename(tx, stranger, "x"),
        lambda tx: nodes.set_tags(tx, stranger, ["x"]),
        lambda tx: nodes.retire(tx, stranger, START),
        lambda tx: nodes.restore(tx, RIG.id),
        lambda tx: nodes.move(tx, stranger, "garage", START),
    ):
        with pytest.raises(NotDone):
            known.change(do)
    assert known.look(marks.changed) == before
    assert [str(each.id) for each in known.nodes()] == ["main/rig1"]


def test_every_change_is_news_to_pages_and_alerts(known: Store) -> None:
    seen = {known.stamp()}
    for do in (
        lambda tx: nodes.rename(tx, RIG.id, "x"),
        lambda tx: nodes.set_tags(tx, RIG.id, ["x"]),
        lambda tx: nodes.move(tx, RIG.id, "garage", START),
    ):
        known.change(do)
        seen.add(known.stamp())
    assert len(seen) == 4
