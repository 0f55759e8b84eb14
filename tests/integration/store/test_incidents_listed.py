"""Incidents as people look for them, on both databases: narrowed, paged, with what was sent; and what is forgotten."""

from datetime import timedelta

import pytest

from alerts.engine import StepResult
from alerts.incident import Acknowledged, Incident, IncidentState, Scope, Subject
from alerts.rule import Rule, Severity
from alerts.silence import Matcher, Silence, SilenceKind
from store import Store, alerts, incidents, marks, outbox, reader, silences
from store.incidents import IncidentCursor, IncidentFilter, IncidentPart
from tests.alerting import RIG, Driver
from tests.fake_clock import START
from tests.rigs import birth, report, rig, sample, will
from tests.stored import asked


def node(
    number: int,
    site: str,
    name: str,
    *,
    rule: Rule = Rule.LOST,
    state: IncidentState = IncidentState.RESOLVED,
    **more: object,
) -> Incident:
    """Number `number` began so many seconds after the beginning."""
    subject = Subject(Scope.NODE, site, name)
    return Incident(number, rule, subject, state, START + number * 1000, resolved_at=START, **more)  # type: ignore[arg-type]


STORED = (
    node(1, "garage", "rig1"),
    node(2, "garage", "rig2", rule=Rule.HOT, severity=Severity.CRITICAL),
    node(3, "attic", "rig1", state=IncidentState.DISMISSED),
    node(4, "garage", "rig1", state=IncidentState.FIRING, parent=6),
    node(5, "garage", "rig2", state=IncidentState.FIRING, parent=6),
    Incident(
        6,
        Rule.LOST,
        Subject(Scope.HOST, "garage", "box1"),
        IncidentState.FIRING,
        START + 6000,
        members=2,
        fired_at=START,
    ),
    node(7, "attic", "rig1", state=IncidentState.PENDING, severity=Severity.INFO),
)


@pytest.fixture
def filled(store: Store) -> Store:
    store.take([rig("rig1", "garage").heard(birth(host="box1", name="The 100% loud_one"))])
    store.take([rig("rig2", "garage").heard(birth(host="box1")), rig("rig1", "attic").heard(birth(host="Attic-PC"))])
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=STORED), 1)
    return store


def listed(
    store: Store,
    part: IncidentPart = IncidentPart.OPEN,
    *,
    limit: int = 50,
    before: IncidentCursor | None = None,
    **more: object,
) -> list[int]:
    wanted = IncidentFilter(part, **more)  # type: ignore[arg-type]
    with store.read() as tx:
        found = incidents.page(tx, wanted, limit, before=before)
        assert part is not IncidentPart.OPEN or incidents.count(tx, wanted) >= len(found)
    return [each.id for each in found]


def test_a_group_stands_for_its_members_unless_they_are_asked_for(filled: Store) -> None:
    assert listed(filled) == [7, 6]
    assert listed(filled, group=6) == [5, 4]
    assert listed(filled, site="garage", node="rig1") == [4]
    assert listed(filled, host="box1") == [6, 5, 4]
    assert listed(filled, text="box1") == [6, 5, 4]


def test_a_list_is_narrowed_by_everything_that_is_given(filled: Store) -> None:
    assert listed(filled, IncidentPart.PAST) == [2, 1]
    assert listed(filled, IncidentPart.DISMISSED) == [3]
    assert listed(filled, IncidentPart.PAST, rule=Rule.HOT) == [2]
    assert listed(filled, IncidentPart.PAST, severity=Severity.CRITICAL) == [2]
    assert listed(filled, IncidentPart.PAST, severity=Severity.CRITICAL, rule=Rule.LOST) == []
    assert listed(filled, severity=Severity.INFO, site="attic") == [7]
    assert listed(filled, site="nowhere") == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        *(("RIG1", [7, 4]), ("garage/rig2", [5]), ("attic", [7]), ("attic-pc", [7]), ("loud", [4]), ("100% l", [4])),
        *(("loud_one", [4]), ("loudxone", []), ("%", [4]), ("!", []), ("'", [])),
    ],
)
def test_a_text_is_looked_for_in_site_node_name_and_host(filled: Store, text: str, found: list[int]) -> None:
    assert listed(filled, text=text) == found


def test_pages_follow_each_other_also_where_several_began_at_once(store: Store) -> None:
    same = [node(number, "garage", f"rig{number}") for number in range(1, 8)]
    begun = [Incident(**{**{f: getattr(e, f) for f in e.__struct_fields__}, "since": START}) for e in same]
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=tuple(begun)), 1)
    first = listed(store, IncidentPart.PAST, limit=3)
    second = listed(store, IncidentPart.PAST, limit=3, before=IncidentCursor(START, first[-1]))
    third = listed(store, IncidentPart.PAST, limit=3, before=IncidentCursor(START, second[-1]))
    assert [first, second, third] == [[7, 6, 5], [4, 3, 2], [1]]


def test_how_many_count_by_severity(filled: Store) -> None:
    # Members of a group and what was only noticed are not in it.
    with filled.read() as tx:
        assert incidents.open_by_severity(tx) == {Severity.WARNING: 1}


def test_the_messages_of_an_incident_are_those_that_spoke_of_it(store: Store) -> None:
    driver = Driver(store)
    driver.tick()
    for each in (RIG, rig("rig2", "garage")):
        driver.hear_all([(each, birth()), (each, will())])
        driver.tick(10)
    driver.hear_all([(RIG, birth(2)), (rig("rig2", "garage"), birth(2))])
    for number in (1, 2):
        with store.read() as tx:
            sent = incidents.sent(tx, number)
        assert [each.kind for each in sent] == ["first", "recovery"]
        assert sent[0].incidents == (number,)
        assert sent[1].incidents == (1, 2)
    driver.alert_driver.release(driver.store)


def test_the_stamp_differs_after_everything_that_a_page_shows(store: Store) -> None:
    driver = Driver(store)
    driver.tick()
    with store.read() as tx:
        stamps = [marks.stamp(tx)]

    def has_changed() -> bool:
        with store.read() as tx:
            stamps.append(marks.stamp(tx))
        return stamps[-1] != stamps[-2]

    driver.hear_all([(RIG, birth()), (RIG, will())])
    assert has_changed()
    assert not has_changed()
    with store.write() as tx:
        alerts.acknowledge(tx, 1, Acknowledged(START, "ann"))
    assert has_changed()
    silence = Silence(0, SilenceKind.SILENCE, Matcher(site="x"), START, START + 1000, "ann", "", START)
    with store.write() as tx:
        number = silences.add(tx, silence)
    assert has_changed()
    with store.write() as tx:
        silences.end(tx, number, by="ben", now=START + 1)
    assert has_changed()
    with store.write() as tx:
        outbox.refuse(tx, "web", "hash", why="no", now=START)
    assert has_changed()
    driver.hear(birth(2))
    assert has_changed()
    driver.hear(report(sample(START, n=START, hashrate=1), session=2))
    driver.hear(report(sample(START + 1, n=START + 1, hashrate=2), session=2))
    assert not has_changed(), "reports alone are no news"
    driver.alert_driver.release(driver.store)


def test_an_incident_that_fires_by_time_alone_changes_the_stamp_of_the_fleet(store: Store) -> None:
    driver = Driver(store, hold=timedelta(seconds=2))
    driver.tick()
    driver.hear(birth())
    driver.hear(will())
    with store.read() as tx:
        before = reader.stamp(tx)
    driver.tick(2)
    with store.read() as tx:
        assert reader.stamp(tx) != before
    driver.alert_driver.release(driver.store)


def test_silences_are_told_by_when_they_were(store: Store) -> None:
    def add(begin: int, end: int, by: str) -> int:
        silence = Silence(0, SilenceKind.SILENCE, Matcher(site=by), START + begin, START + end, by, "why", START)
        with store.write() as tx:
            return silences.add(tx, silence)

    past, now, planned = add(-20, -10, "past"), add(-10, 50, "now"), add(100, 200, "planned")
    with store.read() as tx:
        assert [each.id for each in silences.running(tx, START)] == [now, planned]
        assert [each.id for each in silences.ended(tx, START, 10)] == [past]
        assert [each.id for each in silences.during(tx, START - 15, START)] == [past, now]
    with store.write() as tx:
        silences.end(tx, now, by="ben", now=START)
    with store.read() as tx:
        ended = silences.ended(tx, START, 10)
    assert [(each.id, each.ended_by) for each in ended] == [(now, "ben"), (past, "")]


def test_what_is_over_is_forgotten_with_its_silences_and_what_runs_is_kept(store: Store) -> None:
    driver = Driver(store, keep=timedelta(days=1))
    driver.tick()
    for said in (birth(), will(), birth(2)):
        driver.hear(said)
    for length in (1000, 10**11):
        silence = Silence(0, SilenceKind.SILENCE, Matcher(site="x"), START, START + length, "ann", "", START)
        with store.write() as tx:
            silences.add(tx, silence)
    with store.read() as tx:
        posted = outbox.left(tx)
    with store.write() as tx:
        outbox.sent(tx, [each.id for each in posted], START)
    driver.tick(2 * 86_400)
    with store.read() as tx:
        assert alerts.one(tx, 1) is None
        assert alerts.story(tx, 1) == []
        assert [each.id for each in silences.running(tx, START)] == [2]
    driver.alert_driver.release(driver.store)


def test_a_channel_whose_address_was_changed_is_not_called_refused_any_more(store: Store) -> None:
    with store.write() as tx:
        outbox.refuse(tx, "web", "another address", why="no", now=START)
    with store.write() as tx:
        outbox.refuse(tx, "gone", "x", why="no", now=START)
    driver = Driver(store)
    driver.tick()
    assert asked(store, outbox.refused) == {}
    with store.write() as tx:
        outbox.refuse(tx, "web", "x", why="no", now=START)
    driver.alert_driver.release(driver.store)
    driver.tick()
    assert asked(store, outbox.refused) == {"web": ("x", "no")}
    driver.alert_driver.release(driver.store)
