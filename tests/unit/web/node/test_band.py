"""A node's status over time, from comings and goings and from which samples there are."""

import pytest

from alerts.facts import NodeChange, Point
from alerts.status import NodeStatus
from rigwatch.clock import Millis
from rigwatch.messages import NodeState
from web.node.band import MOST, StatusSpan, Tally, band, stays, tally

MINUTE: Millis = 60_000
ONLINE, LOST, OFFLINE = NodeState.ONLINE, NodeState.LOST, NodeState.OFFLINE


def points(*minutes: int, failing: int = 0) -> list[Point]:
    return [Point(at * MINUTE, at * MINUTE, at * MINUTE, 1, failing=failing) for at in minutes]


def told(spans: list[StatusSpan]) -> list[tuple[str, float, float]]:
    return [(each.status.value, each.since / MINUTE, each.until / MINUTE) for each in spans]


def history(
    changes: list[tuple[int, NodeState]], reports: list[Point], until: int = 60
) -> list[tuple[str, float, float]]:
    made = [NodeChange(at * MINUTE, state) for at, state in changes]
    return told(band(stays(made, reports, MINUTE, since=0, until=until * MINUTE), reports))


def test_it_follows_what_the_node_and_its_will_said() -> None:
    changes = [(10, ONLINE), (20, LOST), (30, ONLINE), (40, OFFLINE)]
    assert history(changes, points(*range(10, 20), *range(30, 40))) == [
        ("online", 10, 20),
        ("lost", 20, 30),
        ("online", 30, 40),
        ("offline", 40, 60),
    ]


def test_a_new_birth_changes_nothing() -> None:
    assert history([(0, ONLINE), (10, ONLINE)], points(*range(60))) == [("online", 0, 60)]


def test_what_was_before_the_span_is_cut_off() -> None:
    assert history([(-30, ONLINE), (10, LOST)], points(*range(-5, 10))) == [("online", 0, 10), ("lost", 10, 60)]


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert history([], points(1, 2)) == []
    assert history([(50, ONLINE)], points(*range(50, 60))) == [("online", 50, 60)]


def test_it_is_silent_three_intervals_after_the_last_sample_until_the_next() -> None:
    reports = points(*range(21), *range(30, 60))
    assert history([(0, ONLINE)], reports) == [("online", 0, 23), ("silent", 23, 30), ("online", 30, 60)]
    # Three intervals are no silence yet.
    assert history([(0, ONLINE)], points(*range(21), *range(23, 60))) == [("online", 0, 60)]


def test_it_is_silent_also_after_its_birth_and_up_to_now() -> None:
    assert history([(0, ONLINE)], points(10), until=20) == [
        ("online", 0, 3),
        ("silent", 3, 10),
        ("online", 10, 13),
        ("silent", 13, 20),
    ]
    assert history([(0, ONLINE)], []) == [("online", 0, 3), ("silent", 3, 60)]


def test_it_is_degraded_from_a_sample_that_failed_to_the_next() -> None:
    reports = [*points(*range(10)), *points(*range(10, 15), failing=1), *points(*range(15, 60))]
    assert history([(0, ONLINE)], reports) == [("online", 0, 10), ("degraded", 10, 15), ("online", 15, 60)]


def test_samples_of_a_lost_node_make_it_no_less_lost() -> None:
    # It kept them, and sent them when it was back.
    assert history([(0, ONLINE), (10, LOST), (20, ONLINE)], points(*range(60)), until=30) == [
        ("online", 0, 10),
        ("lost", 10, 20),
        ("online", 20, 30),
    ]


def test_samples_taken_while_it_was_away_came_late() -> None:
    changes = [NodeChange(at * MINUTE, state) for at, state in ((0, ONLINE), (10, LOST), (20, ONLINE), (50, OFFLINE))]
    reports = points(*range(60))
    known = stays(changes, reports, MINUTE, since=0, until=60 * MINUTE)
    assert tally(known, reports).late == 20
    assert tally(known, points(*range(10), *range(20, 50))) == Tally(late=0, due=40, missing=0)
    assert tally([], reports) == Tally(0, 0, 0)


def test_the_reason_is_kept() -> None:
    spans = band(stays([NodeChange(0, OFFLINE, "updated")], [], MINUTE, since=0, until=MINUTE), [])
    assert spans == [StatusSpan(NodeStatus.OFFLINE, 0, MINUTE, "updated")]


def test_of_very_many_spans_the_worst_of_each_step_is_shown() -> None:
    changes = [NodeChange(at, LOST if at % 2 else ONLINE) for at in range(10 * MOST)]
    spans = band(stays(changes, [], MINUTE, since=0, until=10 * MOST), [])
    assert spans == [StatusSpan(NodeStatus.LOST, 0, 10 * MOST)]
    calm = [*changes, NodeChange(10 * MOST, ONLINE)]
    assert [each.status for each in band(stays(calm, [], 10**9, since=0, until=20 * MOST), [])] == [
        NodeStatus.LOST,
        NodeStatus.ONLINE,
    ]


@pytest.mark.parametrize(("state", "minutes"), [(ONLINE, 60), (LOST, 0), (OFFLINE, 0)])
def test_samples_are_due_while_it_is_connected(state: NodeState, minutes: int) -> None:
    known = stays([NodeChange(0, state)], [], MINUTE, since=0, until=60 * MINUTE)
    assert tally(known, []) == Tally(late=0, due=minutes, missing=minutes)


DAY = 24 * 60 * MINUTE


def every(step: Millis, since: Millis, until: Millis) -> list[Point]:
    return [Point(at, at, at, 1) for at in range(since, until, step)]


def test_samples_are_due_at_the_interval_that_each_session_had() -> None:
    # A day at a minute; then somebody set it to thirty seconds.
    changes = [NodeChange(0, ONLINE, interval=MINUTE), NodeChange(DAY, ONLINE, interval=MINUTE // 2)]
    reports = [*every(MINUTE, 0, DAY), *every(MINUTE // 2, DAY, DAY + 60 * MINUTE)]
    known = stays(changes, reports, MINUTE // 2, since=0, until=DAY + 60 * MINUTE)
    assert tally(known, reports) == Tally(late=0, due=1440 + 120, missing=0)
    del reports[100:110]
    assert tally(known, reports) == Tally(late=0, due=1440 + 120, missing=10)
    # And neither half is silent by the other's measure.
    slower = [NodeChange(0, ONLINE, interval=MINUTE), NodeChange(DAY, ONLINE, interval=60 * MINUTE)]
    later = [*every(MINUTE, 0, DAY), *every(60 * MINUTE, DAY, 2 * DAY)]
    told_now = band(stays(slower, later, 60 * MINUTE, since=0, until=2 * DAY), later)
    assert [each.status for each in told_now] == [NodeStatus.ONLINE]
    gap = [each for each in later if not 10 * MINUTE < each.at < 40 * MINUTE]
    assert NodeStatus.SILENT in {each.status for each in band(stays(slower, gap, 60 * MINUTE, since=0, until=DAY), gap)}


def test_where_the_interval_was_not_noted_the_samples_tell_it() -> None:
    changes = [NodeChange(0, ONLINE), NodeChange(DAY, ONLINE, interval=MINUTE // 2)]
    reports = every(MINUTE, 0, DAY)
    known = stays(changes, reports, MINUTE // 2, since=0, until=DAY)
    assert tally(known, reports) == Tally(late=0, due=1440, missing=0)
    # Also in points of several samples, and where some are missing.
    steps = [Point(at + MINUTE, at, at + 2 * MINUTE, 3) for at in range(0, DAY, 3 * MINUTE) if at % (60 * MINUTE)]
    assert tally(stays(changes, steps, MINUTE // 2, since=0, until=DAY), steps) == Tally(late=0, due=1440, missing=72)


def test_what_was_before_anything_is_known_makes_up_for_nothing_that_is_missing() -> None:
    changes = [NodeChange(30 * MINUTE, ONLINE, interval=MINUTE)]
    reports = points(*range(30), *range(40, 60))
    assert tally(stays(changes, reports, MINUTE, since=0, until=60 * MINUTE), reports) == Tally(0, 30, 10)
