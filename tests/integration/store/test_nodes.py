"""What people decide about nodes on the server, on each database."""

from collections.abc import Callable

import pytest

from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule
from rigwatch.errors import NotDone
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from store import Store, alerts, housekeeping, marks, nodes, reader
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
    with known.write() as tx:
        nodes.rename(tx, RIG.id, "Given")
    known.take([RIG.heard(birth(2, name="Another"))])
    with known.read() as tx:
        assert [each.title for each in reader.nodes(tx)] == ["Given"]
        assert reader.some(tx, [RIG.id])[0].title == "Given"
    with known.write() as tx:
        nodes.rename(tx, RIG.id, "")
    with known.read() as tx:
        assert [each.title for each in reader.nodes(tx)] == ["Another"]


def test_tags_given_here_stand_beside_its_own(known: Store) -> None:
    with known.write() as tx:
        nodes.set_tags(tx, RIG.id, ["b", "a"])
    with known.read() as tx:
        assert [each.tags for each in reader.nodes(tx)] == [("b", "a")]
    with known.write() as tx:
        nodes.set_tags(tx, RIG.id, [])
    with known.read() as tx:
        assert [each.tags for each in reader.nodes(tx)] == [()]


def test_a_retired_node_is_hidden_everywhere_and_can_come_back(known: Store) -> None:
    with known.read() as tx:
        before = reader.stamp(tx)
    with known.write() as tx:
        nodes.retire(tx, RIG.id, START)
    with known.read() as tx:
        assert reader.nodes(tx) == []
        assert reader.some(tx, [RIG.id]) == []
        assert reader.stamp(tx) != before
        assert [each.retired_at for each in nodes.every(tx)] == [START]
        assert reader.samples(tx, RIG.id, since=0, until=START + 1)
    with known.write() as tx:
        nodes.restore(tx, RIG.id)
    with known.read() as tx:
        assert [each.id for each in reader.nodes(tx)] == [RIG.id]


def test_enrolling_it_anew_brings_a_retired_node_back(known: Store) -> None:
    with known.write() as tx:
        nodes.retire(tx, RIG.id, START)
    with known.write() as tx:
        housekeeping.set_enrolled(tx, {RIG.id: START - 1})
    with known.read() as tx:
        assert reader.nodes(tx) == []
    with known.write() as tx:
        housekeeping.set_enrolled(tx, {RIG.id: START + 1})
    with known.read() as tx:
        assert [each.id for each in reader.nodes(tx)] == [RIG.id]


def test_a_node_moves_with_its_history_its_name_and_its_past_incidents(known: Store) -> None:
    with known.write() as tx:
        past_incident(tx)
    with known.write() as tx:
        nodes.rename(tx, RIG.id, "Given")
    moved = NodeId("garage", "rig1")
    # As the subscriber may have noted the enrolment already.
    with known.write() as tx:
        housekeeping.set_enrolled(tx, {RIG.id: START, moved: START})
    with known.write() as tx:
        nodes.move(tx, RIG.id, "garage", START + HOUR)
    with known.read() as tx:
        (facts,) = reader.nodes(tx)
    assert (facts.id, facts.title, facts.state, facts.state_at) == (moved, "Given", NodeState.OFFLINE, START + HOUR)
    assert "moved here from main" in facts.reason
    with known.read() as tx:
        assert [each.hashrate for each in reader.samples(tx, moved, since=0, until=START + 1)] == [5.0]
    (incident,) = every_incident(known)
    assert incident.subject == Subject(Scope.NODE, "garage", "rig1")
    with known.read() as tx:
        assert tx.rows("SELECT site FROM incident") == [("garage",)]


def test_the_last_words_under_the_old_name_are_no_new_node(known: Store) -> None:
    with known.write() as tx:
        nodes.move(tx, RIG.id, "garage", START + HOUR)
    known.take([RIG.heard(report(sample(START + 1, hashrate=1.0)))])
    with known.read() as tx:
        assert [str(each.id) for each in reader.nodes(tx)] == ["garage/rig1"]


def test_it_is_told_as_what_a_moved_node_was_first_known(known: Store) -> None:
    with known.read() as tx:
        assert nodes.origins(tx) == {}
    with known.write() as tx:
        nodes.move(tx, RIG.id, "garage", START)
    with known.write() as tx:
        nodes.move(tx, NodeId("garage", "rig1"), "barn", START)
    with known.read() as tx:
        moved = {node: origin for node, origin in nodes.origins(tx).items() if node.site == "barn"}
    assert moved == {NodeId("barn", "rig1"): "main/rig1"}


def test_who_gets_the_name_of_a_moved_node_is_not_taken_for_it_also_when_moved(known: Store) -> None:
    with known.write() as tx:
        nodes.move(tx, RIG.id, "garage", START)
    with known.write() as tx:
        housekeeping.set_enrolled(tx, {RIG.id: START + 1})
    with known.read() as tx:
        before = nodes.origins(tx)[RIG.id]
    assert before.startswith("main/rig1/")
    with known.write() as tx:
        nodes.move(tx, RIG.id, "barn", START)
    with known.read() as tx:
        origins = nodes.origins(tx)
    assert (origins[NodeId("garage", "rig1")], origins[NodeId("barn", "rig1")]) == ("main/rig1", before)


def test_a_node_does_not_move_onto_another(known: Store) -> None:
    known.take([rig("rig1", "garage").heard(birth())])
    with pytest.raises(NotDone, match="garage/rig1: is there already"), known.write() as tx:
        nodes.move(tx, RIG.id, "garage", START)
    with known.read() as tx:
        assert [str(each.id) for each in reader.nodes(tx)] == ["garage/rig1", "main/rig1"]


def test_what_cannot_be_done_is_said_and_changes_nothing(known: Store) -> None:
    stranger = NodeId("main", "rig9")
    with known.read() as tx:
        before = marks.changed(tx)
    do: Callable[[Transaction], None]
    for do in (
        lambda tx: nodes.rename(tx, stranger, "x"),
        lambda tx: nodes.set_tags(tx, stranger, ["x"]),
        lambda tx: nodes.retire(tx, stranger, START),
        lambda tx: nodes.restore(tx, RIG.id),
        lambda tx: nodes.move(tx, stranger, "garage", START),
    ):
        with pytest.raises(NotDone), known.write() as tx:
            do(tx)
    with known.read() as tx:
        assert marks.changed(tx) == before
        assert [str(each.id) for each in reader.nodes(tx)] == ["main/rig1"]


def test_every_change_is_news_to_pages_and_alerts(known: Store) -> None:
    with known.read() as tx:
        seen = {reader.stamp(tx)}
    do: Callable[[Transaction], None]
    for do in (
        lambda tx: nodes.rename(tx, RIG.id, "x"),
        lambda tx: nodes.set_tags(tx, RIG.id, ["x"]),
        lambda tx: nodes.move(tx, RIG.id, "garage", START),
    ):
        with known.write() as tx:
            do(tx)
        with known.read() as tx:
            seen.add(reader.stamp(tx))
    assert len(seen) == 4
