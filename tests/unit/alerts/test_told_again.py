"""What was told before it became quiet, schedules that do not begin at once, and groups that end together."""

import pytest

from alerts.silence import SilenceKind
from tests.unit.alerts.timeline import Timeline

RIG = "garage/rig0"
GARAGE = [f"garage/rig{number}" for number in range(8)]
ATTIC = [f"attic/rig{number}" for number in range(3)]


@pytest.mark.parametrize("kind", list(SilenceKind))
@pytest.mark.parametrize("until", [200, 7200])
def test_what_was_told_before_a_silence_and_is_still_wrong_when_it_ends_is_told_then(
    kind: SilenceKind, until: float
) -> None:
    line = Timeline(RIG)
    line.at(10).report(RIG, temperature=95)
    line.at(80).expect("CRITICAL: garage/rig0 is too hot")
    line.is_quiet(until=until, kind=kind, node="rig0")
    line.at(until - 1).expect_nothing()
    line.at(until).expect("STILL: garage/rig0 is too hot")
    line.at(86400).expect_nothing()


def test_a_silence_that_is_prolonged_or_lifted_counts_as_it_ends() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.is_quiet(until=100, node="rig0")
    line.at(90).is_quiet(until=7200, node="rig0")
    line.at(4000).expect_nothing()
    line.is_loud_again().expect("STILL: garage/rig0 lost for 1 h 6 min")


def test_what_is_over_within_its_silence_is_told_as_over_when_that_ends() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.is_quiet(until=1000, node="rig0")
    line.at(100).comes_back(RIG)
    line.at(5000).expect("OK: garage/rig0 back, after 1 min 30 s")


def test_maintenance_that_recurs_does_not_repeat_what_is_known_each_time() -> None:
    # The time line begins on Thursday 2025-10-09 at 08:53:20 UTC.
    line = Timeline(RIG)
    line.is_quiet(until=30 * 86400, kind=SilenceKind.MAINTENANCE, site="garage", every="day 12:00", lasts=1800)
    line.at(10).dies(RIG)
    line.at(4000).expect("CRITICAL", "STILL", "STILL")
    line.at(10 * 86400).expect_nothing()


def test_an_acknowledged_incident_is_not_told_again_when_a_silence_ends() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.acknowledge("lost")
    line.is_quiet(until=100, node="rig0")
    line.at(86400).expect_nothing()


def test_a_reminder_that_is_due_in_the_quiet_hours_waits_for_the_morning() -> None:
    line = Timeline(RIG, quiet={"start": "08:55", "end": "11:00", "severities": ["critical"]})
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL: garage/rig0 lost")
    line.at(7599).expect_nothing()
    line.at(7600).expect("STILL: garage/rig0 lost for 2 h 6 min")
    line.at(86400).expect_nothing()


def test_a_schedule_that_does_not_begin_at_once_is_kept() -> None:
    line = Timeline(RIG, lost={"schedule": ["5m", "1h"]})
    line.at(10).dies(RIG)
    line.at(311).expect_nothing()
    line.at(312).expect("CRITICAL: garage/rig0 lost")
    line.at(3612).expect("STILL")
    line.at(4000).comes_back(RIG).expect("OK: garage/rig0 back")
    line.dies(RIG)
    line.at(4100).comes_back(RIG)
    line.at(9000).expect_nothing()


def test_nodes_whose_schedule_does_not_begin_at_once_are_one_message_too() -> None:
    line = Timeline(*GARAGE, lost={"schedule": ["5m"]})
    for number, name in enumerate(GARAGE):
        line.at(10 + 0.3 * number).dies(name)
    line.at(600).expect("CRITICAL: garage: 8 nodes lost together")


def test_with_an_empty_schedule_nobody_is_told() -> None:
    line = Timeline(RIG, lost={"schedule": []})
    for second in range(10, 2000, 100):
        line.at(second).dies(RIG)
        line.at(second + 50).comes_back(RIG)
    line.at(9000).expect_nothing()
    assert line.stored


def test_two_groups_that_end_at_once_are_told_each_by_itself() -> None:
    line = Timeline(*GARAGE, *ATTIC)
    line.at(10).dies(*GARAGE)
    line.at(60).dies(*ATTIC)
    line.at(70).expect("CRITICAL: garage: 8 nodes lost", "CRITICAL: attic: 3 nodes lost")
    line.is_quiet(until=500, site="*")
    line.at(100).comes_back(*GARAGE, *ATTIC)
    line.at(501).expect("OK: garage: all 8 nodes back", "OK: attic: all 3 nodes back")


def test_one_that_fires_again_and_again_without_recovery_messages_is_told_each_time() -> None:
    line = Timeline(RIG, no_hashrate={"recovery": False})
    for hour in range(3):
        line.at(hour * 3600 + 30).report(RIG, hashrate=0)
        line.at(hour * 3600 + 400).report(RIG, hashrate=45e6)
    line.at(3 * 3600).expect(*["CRITICAL: garage/rig0 hashes nothing"] * 3)


def test_one_that_came_back_and_died_again_in_a_silence_is_told_as_lost_when_it_ends() -> None:
    line = Timeline(RIG, flap_changes=100)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.is_quiet(until=1000, node="rig0")
    line.at(100).comes_back(RIG)
    line.at(200).dies(RIG)
    line.at(1001).expect("OK: garage/rig0 back, after 1 min 30 s", "CRITICAL: garage/rig0 lost")
