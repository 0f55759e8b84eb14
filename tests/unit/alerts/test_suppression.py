"""Quiet by intent, and the monitor itself: messages stop, records never do."""

from msgspec.structs import replace

from alerts.book import Book
from alerts.group import NodePlace
from alerts.incident import Incident, IncidentState, NotificationKind, Scope, Subject
from alerts.notice import NoticeReason, Suppression
from alerts.policy import Policy
from alerts.route import Route
from alerts.rule import MINUTE, Rule
from alerts.silence import Matcher, Silence, SilenceKind
from alerts.suppression import FleetFacts, Suppressor
from rigwatch.messages import NodeState
from tests.fake_clock import START
from tests.unit.alerts.contexts import FACTS, SERVER
from tests.unit.alerts.timeline import Timeline, settings

RIG = "garage/rig1"
OTHER = "garage/rig2"


def test_an_acknowledged_incident_is_not_told_again_but_its_end_is() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.at(30).acknowledge("lost")
    line.at(7200).expect_nothing()
    line.comes_back(RIG).expect("OK: garage/rig1 back")
    assert "acknowledged: by ann: on my way" in line.reasons("lost")


def test_a_silenced_incident_exists_and_is_told_when_the_silence_ends() -> None:
    line = Timeline(RIG)
    line.at(0).is_quiet(until=600, node="rig1")
    line.at(10).dies(RIG)
    line.at(599).expect_nothing()
    assert "not told: first: silenced by ann: fan swap" in line.reasons("lost")
    line.at(600).expect("CRITICAL: garage/rig1 lost")


def test_a_silence_covers_only_what_it_matches() -> None:
    line = Timeline(RIG, OTHER, group_wait="0s")
    line.at(0).is_quiet(until=600, node="rig1", rule="lost")
    line.at(10).dies(RIG, OTHER)
    line.at(20).expect("garage/rig2 lost")


def test_what_began_and_ended_within_a_silence_is_never_told() -> None:
    line = Timeline(RIG)
    line.at(0).is_quiet(until=600, site="gar*")
    line.at(10).dies(RIG)
    line.at(300).comes_back(RIG)
    line.at(3600).expect_nothing()


def test_maintenance_recurs() -> None:
    # The time line begins on Thursday 2025-10-09 at 08:53:20 UTC.
    line = Timeline(RIG)
    line.at(0).is_quiet(until=30 * 86400, kind=SilenceKind.MAINTENANCE, site="garage", every="thu 09:00", lasts=1800)
    line.at(500).dies(RIG)
    line.at(1900).comes_back(RIG)
    line.at(2300).expect_nothing()
    line.at(2400).dies(RIG)
    line.at(2410).expect("CRITICAL: garage/rig1 lost")
    line.at(2500).comes_back(RIG).expect("OK")
    line.at(7 * 86400 + 500).dies(RIG)
    line.at(7 * 86400 + 1900).comes_back(RIG).expect_nothing()


def test_quiet_hours_hold_back_what_is_not_bad_enough_until_the_morning() -> None:
    quiet = {"start": "08:00", "end": "10:00", "severities": ["warning"]}
    line = Timeline(RIG, OTHER, quiet=quiet)
    line.at(10).stops(RIG)
    line.at(20).dies(OTHER)
    line.at(3999).expect("CRITICAL: garage/rig2 lost", "STILL: garage/rig2", "STILL: garage/rig2")
    line.at(4000).expect("WARNING: garage/rig1 stopped")


def test_severities_are_routed() -> None:
    line = Timeline(RIG, OTHER, routes=(Route("phone", frozenset({"critical"})),))
    line.at(10).stops(RIG)
    line.at(20).dies(OTHER)
    line.at(200).expect("garage/rig2 lost")


def test_a_broker_that_is_gone_is_one_message_about_rigwatch_and_none_about_nodes() -> None:
    line = Timeline(RIG, OTHER)
    line.at(10).broker_goes()
    line.at(39).expect_nothing()
    line.at(3000).expect("CRITICAL: rigwatch has no broker", "STILL")
    line.broker_comes()
    line.at(3010).expect("OK: rigwatch has its broker again")
    line.at(3600).expect_nothing()


def test_wills_found_after_a_restart_wait_for_the_nodes_to_come_back() -> None:
    line = Timeline(RIG, OTHER)
    line.at(10).broker_goes()
    line.at(15).broker_comes()
    line.at(15.2).dies(RIG, OTHER)
    line.at(40).comes_back(RIG)
    line.at(104).expect_nothing()
    line.at(110).expect("garage/rig2 lost")


def test_a_node_that_has_come_back_after_a_restart_and_then_dies_has_no_grace_left() -> None:
    line = Timeline(RIG, OTHER)
    line.at(10).broker_goes()
    line.at(15).broker_comes()
    line.at(15.2).dies(OTHER)
    line.at(16).comes_back(RIG)
    line.at(18).dies(RIG)
    line.at(19.9).expect_nothing()
    line.at(20).expect("garage/rig1 lost")
    line.at(104).expect_nothing()
    line.at(110).expect("garage/rig2 lost")


def test_a_node_that_dies_long_after_the_restart_has_no_grace() -> None:
    line = Timeline(RIG)
    line.at(15).broker_goes()
    line.at(16).broker_comes()
    line.at(30).dies(RIG)
    line.at(32).expect("CRITICAL: garage/rig1 lost")


def test_a_node_lost_before_a_restart_is_not_told_anew() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.at(30).server_restarts()
    line.at(200).expect_nothing()
    line.at(320).expect("STILL")


def test_a_restart_between_transition_and_schedule_says_nothing_twice() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(320).expect("CRITICAL", "STILL")
    line.at(330).server_restarts()
    line.at(3620).expect("STILL")


def test_a_refused_channel_is_told_through_the_others() -> None:
    line = Timeline(RIG, routes=(Route("bad"), Route("good")))
    line.engine.set_refused({"bad": "Unauthorized"})
    line.at(1).expect("CRITICAL: rigwatch may not send through a channel: bad")
    assert line.last().channel == "good"
    line.engine.set_refused({})
    line.at(2)
    line.expect("OK")


def test_a_rule_that_is_switched_off_closes_its_incidents() -> None:
    line = Timeline(RIG)
    line.at(10).dies(RIG)
    line.at(20).expect("CRITICAL")
    line.settings_become(lost={"enabled": False})
    line.at(30)
    assert line.reasons("lost")[-2].startswith("resolved: the rule was switched off")


def test_overrides_of_site_and_node_count() -> None:
    node = {"garage/rig2": {"lost": {"hold": "10s", "severity": "info"}}}
    line = Timeline(RIG, OTHER, "attic/x", site={"attic": {"lost": {"enabled": False}}}, node=node)
    line.at(0).dies("attic/x")
    line.at(10).dies(OTHER)
    line.at(19).expect_nothing()
    line.at(20).expect("INFO: garage/rig2 lost")


def test_the_end_of_a_group_is_told_where_one_of_its_nodes_is_not_silenced() -> None:
    names = ("garage/rig0", "garage/rig1", "garage/rig2")
    line = Timeline(*names)
    line.at(10).dies(*names)
    line.at(100).expect("CRITICAL: garage: 3 nodes lost together")
    line.is_quiet(until=3600, node="rig0").is_quiet(until=3600, node="rig1")
    line.at(200).comes_back(*names)
    line.at(1000).expect("OK: garage: all 3 nodes back")


def test_the_end_of_a_group_is_held_back_where_each_of_its_nodes_is_silenced() -> None:
    names = ("garage/rig0", "garage/rig1", "garage/rig2")
    line = Timeline(*names)
    line.at(10).dies(*names)
    line.at(100).expect("CRITICAL: garage: 3 nodes lost together")
    for name in names:
        line.is_quiet(until=3600, node=name.partition("/")[2])
    line.at(200).comes_back(*names)
    line.at(1000).expect_nothing()


def test_the_end_of_a_group_that_somebody_has_seen_to_is_held_back_by_a_silence_of_its_host() -> None:
    names = ("garage/gpu0", "garage/gpu1", "garage/gpu2")
    line = Timeline(*names, "attic/rig0", host=lambda name: name.split("/")[0] + "-box")
    line.at(10).dies(*names)
    line.at(100).expect("CRITICAL: ")
    line.acknowledge("lost")
    line.is_quiet(until=3600, host="garage-box")
    line.at(200).comes_back(*names)
    line.at(1000).expect_nothing()


def suppressor(*silences: Silence, **facts: object) -> tuple[Suppressor, FleetFacts]:
    fleet = FleetFacts({FACTS.id: replace(FACTS, **facts)}, silences, SERVER)
    return Suppressor(Book([], [], 1), fleet, Policy(settings())), fleet


def hot(**told: object) -> Incident:
    subject = Subject(Scope.NODE, "hall", "rig")
    return replace(Incident(1, Rule.HOT, subject, IncidentState.FIRING, START), **told)


def test_quiet_that_recurs_is_told_from_quiet_for_once() -> None:
    for every, lasts, once in (("", 0, True), ("day 00:00", 24 * 3_600_000 - 1, False)):
        silence = Silence(
            1, SilenceKind.SILENCE, Matcher(), START - 5000, START + 5000, "ann", "fan", START, every, lasts
        )
        found = suppressor(silence)[0].of(hot(), START)
        assert found is not None
        assert (found.reason, found.detail, found.once) == (NoticeReason.SILENCED, "by ann: fan", once)


def test_what_is_wrong_with_a_node_that_is_gone_is_looked_at_again_in_a_minute() -> None:
    gone = suppressor(state=NodeState.LOST)[0]
    assert gone.of(hot(), START) == Suppression(NoticeReason.INHIBITED, START + MINUTE, "it is lost")
    assert gone.of(hot(owes=NotificationKind.RECOVERY), START) is None
    assert suppressor()[0].of(hot(), START) is None


def test_a_node_that_moves_is_found_at_its_new_host() -> None:
    _, fleet = suppressor()
    assert fleet.places()[FACTS.id] == NodePlace("box", "hall")
    fleet.facts[FACTS.id] = replace(FACTS, host="other")
    assert fleet.places()[FACTS.id].host == "box"
    fleet.moved()
    assert fleet.places()[FACTS.id].host == "other"
