"""Stored history through the rules: what came and went counts as much as what was reported."""

from collections.abc import Sequence
from typing import Any

from alerts.facts import NodeChange, NodeFacts
from alerts.policy import Policy
from rigwatch.messages import NodeState, Sample
from rigwatch.settings.alerts import AlertSettings
from rigwatch.topics import NodeId
from subscriber.replay import Event, Replayed, ReplayedPast, fired, play
from tests.fake_clock import START

NODE = NodeId("garage", "rig1")
MINUTE = 60_000
POLICY = Policy(AlertSettings())


def minutes(*span: int, **figures: Any) -> list[Event]:  # noqa: ANN401 - figures of a sample
    """A sample each minute."""
    return [Sample(n=at, at=at, **figures) for minute in range(*span) for at in [START + minute * MINUTE]]


def change(minute: float, state: NodeState, reason: str = "") -> NodeChange:
    return NodeChange(START + round(minute * MINUTE), state, reason)


def played(*events: Event | Sequence[Event], until: int = 60) -> Replayed:
    history = [each for some in events for each in (some if isinstance(some, list) else [some])]
    now = START + until * MINUTE
    return play(ReplayedPast([NodeFacts(NODE)], {NODE: history}, {}, START), POLICY, now=now)  # type: ignore[dict-item]


def told(replayed: Replayed) -> list[str]:
    return [notification.title for _, notification in replayed.notifications]


def test_a_loss_is_told_when_its_hold_was_over_and_ends_when_the_node_was_back() -> None:
    replayed = played(
        change(-5, NodeState.ONLINE),
        minutes(20),
        change(20, NodeState.LOST),
        change(40, NodeState.ONLINE),
        minutes(40, 60),
    )
    (incident,) = fired(replayed)
    assert (incident.rule.value, incident.since) == ("lost", START + 20 * MINUTE)
    assert incident.fired_at == START + 20 * MINUTE + 2000
    assert incident.resolved_at == START + 40 * MINUTE
    assert told(replayed)[0] == "CRITICAL: garage/rig1 lost"
    assert told(replayed)[-1] == "OK: garage/rig1 back, after 20 min"
    assert (replayed.samples, replayed.changes) == (40, 3)


def test_a_goodbye_is_not_a_loss() -> None:
    replayed = played(change(0, NodeState.ONLINE), minutes(20), change(20, NodeState.OFFLINE, "stopped"))
    assert [each.rule.value for each in fired(replayed)] == ["offline"]


def test_a_connected_node_without_reports_is_silent() -> None:
    replayed = played(change(0, NodeState.ONLINE), minutes(20))
    assert [each.rule.value for each in fired(replayed)] == ["silent"]


def test_what_was_sent_later_fires_nothing() -> None:
    lost = change(20, NodeState.LOST)
    replayed = played(change(0, NodeState.ONLINE), minutes(20, peers=25), lost, minutes(21, 60, peers=0))
    assert [each.rule.value for each in fired(replayed)] == ["lost"]
    assert replayed.samples == 59


def test_a_node_that_was_lost_before_is_lost_from_the_beginning() -> None:
    replayed = played(change(-90, NodeState.LOST))
    (incident,) = fired(replayed)
    assert incident.since == START - 90 * MINUTE


def test_where_nobody_noted_who_came_and_went_a_gap_is_a_silence() -> None:
    replayed = played(minutes(20), minutes(40, 60))
    assert [each.rule.value for each in fired(replayed)] == ["silent"]
    assert replayed.changes == 0


def test_it_ends_where_it_is_when_its_time_is_over_and_says_until_when() -> None:
    looks = iter([False, True])
    past = ReplayedPast([NodeFacts(NODE)], {NODE: [change(-5, NodeState.ONLINE), *minutes(500)]}, {}, START)
    replayed = play(past, POLICY, now=START + 600 * MINUTE, is_over=lambda: next(looks))
    # Asked at the first event, and at the two hundredth after it.
    assert (replayed.samples, replayed.until) == (199, START + 199 * MINUTE)
    again = play(past, POLICY, now=replayed.until)
    assert (again.samples, again.until) == (replayed.samples, replayed.until)
