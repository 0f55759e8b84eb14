"""The rules of being there at their bounds, to the millisecond; `test_lost.py` tells their stories."""

from datetime import timedelta
from typing import Any

import pytest

from alerts import presence
from alerts.check import CheckContext, CheckResult, Holds
from alerts.facts import NodeFacts, ServerFacts
from alerts.presence import BROKER_NOTICED, CONTESTED_FOR, RETAINED_WITHIN
from alerts.rule import MINUTE, SECOND, RulePolicy
from alerts.rules import Look
from alerts.status import BROKER_DOWN_AFTER, NodeStatus, status_at
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId

NOW = 1_760_000_000_000
POLICY = RulePolicy(threshold=3)
LONG_AGO = NOW - 24 * 60 * MINUTE


def seen(
    *,
    connected_at: int | None = LONG_AGO,
    beat_at: int = NOW,
    grace: int = 0,
    now: int = NOW,
    **facts: Any,  # noqa: ANN401 - a field of any kind
) -> CheckContext:
    node = NodeFacts(NodeId("main", "rig1"), **{"state": NodeState.ONLINE, "interval": timedelta(seconds=60), **facts})
    server = ServerFacts(connected_at, beat_at)
    return CheckContext(node, server, now, status_at(node, server, now), grace=grace)


def lost(context: CheckContext, *, is_open: bool = False) -> CheckResult:
    return presence.lost(context, POLICY, is_open)


def silent(context: CheckContext, *, is_open: bool = False) -> CheckResult:
    return presence.silent(context, POLICY, is_open)


@pytest.mark.parametrize(
    ("rule", "state"),
    [
        (presence.lost, NodeState.LOST),
        (presence.silent, NodeState.ONLINE),
        (presence.offline, NodeState.OFFLINE),
    ],
)
@pytest.mark.parametrize("why", [{"state": None}, {"connected_at": None}, {"beat_at": NOW - 11_000}])
def test_nobody_knows_of_a_node_that_was_never_seen_or_without_a_broker(
    rule: Look, state: NodeState, why: dict[str, Any]
) -> None:
    assert rule(seen(**{"state": state, **why}), POLICY, False).holds is Holds.UNKNOWN


def test_a_subscriber_is_believed_for_ten_seconds_after_its_last_sign_of_life() -> None:
    for late, holds in ((0, Holds.YES), (1, Holds.UNKNOWN)):
        beat_at = NOW - BROKER_DOWN_AFTER // timedelta(milliseconds=1) - late
        assert lost(seen(state=NodeState.LOST, state_at=NOW, beat_at=beat_at)).holds is holds


@pytest.mark.parametrize(("after", "holds"), [(RETAINED_WITHIN - 1, Holds.UNKNOWN), (RETAINED_WITHIN, Holds.YES)])
def test_a_will_soon_after_our_connect_was_kept_from_before(after: int, holds: Holds) -> None:
    connected_at = NOW - 10 * SECOND
    found = lost(
        seen(connected_at=connected_at, state=NodeState.LOST, state_at=connected_at + after, grace=90 * SECOND)
    )
    assert found.holds is holds
    assert found.check_at == (connected_at + 90 * SECOND if holds is Holds.UNKNOWN else None)


@pytest.mark.parametrize(("left", "holds"), [(1, Holds.UNKNOWN), (0, Holds.YES)])
def test_the_time_to_come_back_ends_on_the_millisecond(left: int, holds: Holds) -> None:
    connected_at = NOW - 90 * SECOND + left
    kept = seen(connected_at=connected_at, state=NodeState.LOST, state_at=connected_at, grace=90 * SECOND)
    assert lost(kept).holds is holds
    # One that was told is not taken back for it.
    assert lost(kept, is_open=True).holds is Holds.YES


@pytest.mark.parametrize(("born_after", "holds"), [(0, Holds.YES), (-1, Holds.UNKNOWN)])
def test_who_was_born_since_our_connect_has_come_back(born_after: int, holds: Holds) -> None:
    connected_at = NOW - 4 * SECOND
    died: dict[str, Any] = {"state": NodeState.LOST, "state_at": NOW - SECOND, "born_at": connected_at + born_after}
    assert lost(seen(connected_at=connected_at, grace=90 * SECOND, **died)).holds is holds


def test_a_lost_node_says_how_long_after_its_last_report() -> None:
    gone: dict[str, Any] = {"state": NodeState.LOST, "state_at": NOW - SECOND}
    assert lost(seen(**gone)).evidence == "its connection broke"
    for reported_at, text in ((NOW - 61 * SECOND, "1 min"), (NOW, "0 s")):
        assert lost(seen(**gone, last_report_at=reported_at)).evidence == (
            f"its connection broke, {text} after its last report"
        )


@pytest.mark.parametrize("heard", ["last_report_at", "state_at", "connected_at"])
@pytest.mark.parametrize(("late", "holds"), [(0, Holds.NO), (1, Holds.YES)])
def test_silence_begins_three_intervals_after_the_last_that_was_heard(heard: str, late: int, holds: Holds) -> None:
    at = NOW - 3 * MINUTE - late
    found = silent(seen(**{"connected_at": LONG_AGO, heard: at}))
    assert found.holds is holds
    # The first millisecond in which it will be silent.
    assert (found.check_at, found.since) == ((NOW + 1, None) if holds is Holds.NO else (None, NOW - 1))


@pytest.mark.parametrize(("late", "holds"), [(0, Holds.NO), (1, Holds.YES)])
def test_who_reports_often_is_not_silent_before_a_hanging_broker_is_noticed(late: int, holds: Holds) -> None:
    at = NOW - BROKER_NOTICED - late
    assert silent(seen(last_report_at=at, interval=timedelta(seconds=5))).holds is holds


@pytest.mark.parametrize(("late", "holds"), [(0, Holds.NO), (1, Holds.YES)])
def test_who_was_connected_before_has_as_long_to_come_back_as_a_lost_node(late: int, holds: Holds) -> None:
    context = seen(connected_at=NOW - 10 * MINUTE - late, grace=10 * MINUTE)
    assert silent(context).holds is holds
    assert silent(context, is_open=True).holds is Holds.YES


def test_silence_of_what_is_gone_is_another_thing() -> None:
    found = silent(seen(state=NodeState.OFFLINE))
    assert (found.holds, found.evidence) == (Holds.MOOT, "it is offline")
    found = silent(seen(state=NodeState.LOST, connected_at=None))
    assert found.holds is Holds.MOOT


def test_a_goodbye_is_told_with_its_reason_but_in_maintenance() -> None:
    def offline(context: CheckContext) -> tuple[Holds, str]:
        found = presence.offline(context, POLICY, False)
        return found.holds, found.evidence

    gone = seen(state=NodeState.OFFLINE, state_at=NOW - 1)
    assert offline(gone) == (Holds.YES, "it said goodbye, and nobody announced maintenance")
    stopped = seen(state=NodeState.OFFLINE, state_at=NOW - 1, reason="stopped")
    assert offline(stopped) == (Holds.YES, "it said goodbye (stopped), and nobody announced maintenance")
    worked_on = status_at(gone.facts, gone.server, NOW, maintained=True)
    assert worked_on is NodeStatus.MAINTENANCE
    assert offline(CheckContext(gone.facts, gone.server, NOW, worked_on)) == (
        Holds.NO,
        "it said goodbye in its maintenance",
    )


@pytest.mark.parametrize(
    ("ago", "holds"), [(CONTESTED_FOR - 1, Holds.YES), (CONTESTED_FOR, Holds.NO), (None, Holds.NO)]
)
def test_two_publishers_are_told_of_for_ten_minutes(ago: int | None, holds: Holds) -> None:
    contested_at = None if ago is None else NOW - ago
    found = presence.two_publishers(seen(contested_at=contested_at, contest="two of them"), POLICY, False)
    assert found.holds is holds
    if contested_at is not None and holds is Holds.YES:
        assert (found.evidence, found.check_at) == ("two of them", contested_at + CONTESTED_FOR)


def test_how_long_is_waited_is_what_the_documents_say() -> None:
    assert (RETAINED_WITHIN, CONTESTED_FOR, BROKER_NOTICED) == (5_000, 600_000, 25_000)
