"""What happens when quiet ends before its time, and what never begins in it; the ends of groups."""

from alerts.rule import Rule
from alerts.silence import SilenceKind
from tests.unit.alerts.timeline import Timeline

GARAGE = [f"garage/rig{number}" for number in range(4)]
ATTIC = [f"attic/rig{number}" for number in range(3)]
RIG = GARAGE[0]


def test_a_silence_that_is_lifted_early_is_told_at_once() -> None:
    line = Timeline(RIG)
    line.is_quiet(until=3600, node="rig0")
    line.at(10).dies(RIG)
    line.at(100).expect_nothing()
    line.is_loud_again().expect("CRITICAL: garage/rig0 lost")


def test_maintenance_that_is_lifted_early_tells_of_who_is_still_away() -> None:
    line = Timeline(RIG)
    line.is_quiet(until=3600, kind=SilenceKind.MAINTENANCE, node="rig0")
    line.at(10).stops(RIG)
    line.at(100).is_loud_again().expect("WARNING: garage/rig0 stopped")


def test_a_goodbye_in_maintenance_opens_nothing() -> None:
    line = Timeline(*GARAGE)
    line.is_quiet(until=3600, kind=SilenceKind.MAINTENANCE, site="garage")
    line.at(10).stops(*GARAGE)
    line.at(1800).comes_back(*GARAGE)
    line.at(7200).expect_nothing()
    assert [each.rule for each in line.stored.values() if each.rule is Rule.OFFLINE] == []


def test_a_group_whose_end_is_held_back_does_not_keep_the_next_from_saying_its_own() -> None:
    line = Timeline(*GARAGE, *ATTIC)
    line.at(10).dies(*ATTIC)
    line.at(20).expect("CRITICAL: attic: 3 nodes lost together")
    line.is_quiet(until=3600, site="attic")
    line.at(30).comes_back(*ATTIC).expect_nothing()
    line.at(60).dies(*GARAGE)
    line.at(70).expect("CRITICAL: garage: 4 nodes lost together")
    line.at(100).comes_back(*GARAGE[:3])
    # Everything is looked at again, the group that is over as well.
    line.engine.set_silences(())
    line.comes_back(GARAGE[3]).expect("OK: attic: all 3 nodes back", "OK: garage: all 4 nodes back")
    line.at(7200).expect_nothing()


def test_the_story_of_a_group_says_how_many_are_left_and_that_all_are_back() -> None:
    line = Timeline(*GARAGE)
    line.at(10).dies(*GARAGE)
    line.at(100).comes_back(*GARAGE[:3])
    (group,) = [each for each in line.stored.values() if each.members]
    assert group.evidence == "1 of 4 nodes"
    line.at(110).comes_back(GARAGE[3])
    assert line.stored[group.id].ended == "all are back"
    assert "clearing: ended: all are back; the clear-hold is 0 s" in line.reasons("lost")
    assert "resolved: over: all are back" in line.reasons("lost")
