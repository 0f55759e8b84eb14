"""The incidents of an engine while it runs: who is open, who belongs to whom, and what is let go."""

from msgspec.structs import replace

from alerts.book import Book, Decision
from alerts.check import yes
from alerts.decide import Transition
from alerts.incident import Incident, IncidentState, NotificationKind, Scope, Subject
from alerts.rule import BUILT_IN, Rule, Severity
from tests.fake_clock import START

RIG = Subject(Scope.NODE, "hall", "rig1")
HALL = Subject(Scope.SITE, "hall")


def firing(number: int, subject: Subject = RIG, *, parent: int | None = None, members: int = 0) -> Incident:
    return Incident(number, Rule.LOST, subject, IncidentState.FIRING, START - 500, parent=parent, members=members)


def over(incident: Incident) -> Incident:
    return replace(incident, state=IncidentState.RESOLVED, resolved_at=START)


def family() -> Book:
    """A parent with two children."""
    rigs = [firing(each, Subject(Scope.NODE, "hall", f"rig{each}"), parent=1) for each in (2, 3)]
    book = Book([firing(1, HALL, members=2), *rigs], [], 9)
    book.units.due(START)
    return book


def test_what_begins_is_open_from_then_on_and_has_the_next_number() -> None:
    book = Book([], [], 7)
    incident = book.begin(RIG, Rule.LOST, yes("its will came", START - 90), BUILT_IN[Rule.LOST], START)
    assert (incident.id, incident.since, incident.severity) == (7, START - 90, Severity.CRITICAL)
    assert book.begun_at == {Rule.LOST: START}
    assert book.of(RIG) == {Rule.LOST: 7}
    assert book.end_step() == ((incident,), (Decision(7, START, "noticed", "its will came"),))
    assert book.incidents == {7: incident}


def test_what_will_have_begun_later_begins_now() -> None:
    incident = Book([], [], 7).begin(RIG, Rule.LOST, yes("", START + 90), BUILT_IN[Rule.LOST], START)
    assert incident.since == START


def test_what_is_over_is_open_no_more_and_let_go_unless_its_end_is_owed() -> None:
    book = Book([firing(1)], [], 2)
    owing = replace(over(firing(1)), owes=NotificationKind.RECOVERY, changes=(START,))
    change = Transition(IncidentState.RESOLVED, "it is back")
    book.apply(firing(1), owing, [change], START)
    assert book.open == {}
    assert book.recent == {(RIG, Rule.LOST): ((START,), ())}
    assert book.end_step() == ((owing,), (Decision(1, START, "resolved", "it is back"),))
    book.units.plan(1, START + 5)
    assert book.incidents == {1: owing}
    book.apply(owing, over(firing(1)), [], START)
    book.end_step()
    assert book.incidents == {}
    assert book.units.due(START + 9) == []


def test_what_is_not_changed_is_not_stored() -> None:
    book = Book([firing(1)], [], 2)
    book.apply(firing(1), firing(1), [], START)
    assert book.end_step() == ((), ())


def test_a_child_that_changes_and_stays_changes_nothing_about_its_parent() -> None:
    book = family()
    book.apply(book.incidents[2], replace(book.incidents[2], evidence="other"), [], START)
    assert [each.id for each in book.end_step()[0]] == [2]
    assert book.incidents[1].turned_at == 0


def test_a_child_that_is_over_is_counted_as_back_by_its_parent() -> None:
    book = family()
    book.apply(book.incidents[2], over(book.incidents[2]), [], START)
    assert (book.still(1), book.incidents[1].members, book.incidents[1].turned_at) == (1, 2, START)
    assert 1 in book.units.ready()
    # It is kept as long as its parent is open.
    book.end_step()
    assert 2 in book.incidents


def test_a_child_that_speaks_for_itself_belongs_to_its_parent_no_more() -> None:
    book = family()
    book.apply(book.incidents[2], replace(book.incidents[2], parent=None), [], START)
    assert (book.children[1], book.incidents[1].members, book.incidents[1].turned_at) == ({3}, 1, START)
    assert 1 in book.units.ready()


def test_a_child_whose_parent_is_gone_leaves_nobody() -> None:
    orphan = firing(2, parent=1)
    book = Book([orphan], [], 3)
    book.apply(orphan, over(orphan), [], START)
    book.end_step()
    assert book.incidents == {}


def test_with_a_parent_its_children_are_let_go() -> None:
    book = family()
    book.units.plan(1, START + 5)
    for each in (2, 3, 1):
        book.apply(book.incidents[each], over(book.incidents[each]), [], START)
        book.units.due(START)
        book.end_step()
    assert book.incidents == {}
    assert not book.children
    assert book.units.next_at is None


def test_nothing_in_it_lies_in_the_future_after_the_clock_was_put_back() -> None:
    book = Book([replace(firing(1), since=START + 5, turned_at=START + 9), firing(2, HALL)], [], 3)
    book.units.due(START)
    book.put_back(START)
    assert (book.incidents[1].since, book.incidents[1].turned_at) == (START, START)
    assert [each.id for each in book.end_step()[0]] == [1]
    assert book.units.ready() == {1, 2}
