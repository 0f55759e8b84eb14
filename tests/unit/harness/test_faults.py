"""The plan of faults, and the judge of their outcome, before they are trusted with a whole installation."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.faults.judge import Account
from tests.e2e.faults.ledger import read_log
from tests.e2e.faults.plan import ON_POSTGRES, ON_SQLITE, Kind, make_plan, share
from tests.e2e.faults.told import Death, Excuse, false_alerts, hear, untold
from tests.webhook import Delivery

GOOD = Account(
    accepted={"main/a": {1, 2, 3}, "main/b": {7}},
    refused={},
    stored={"main/a": {1, 2}, "main/b": {7}},
    waiting={"main/a": {3}},
    counted={"main/a": 2, "main/b": 1},
)


@given(st.integers(), st.integers(0, 60))
def test_the_same_seed_gives_the_same_faults(seed: int, count: int) -> None:
    plan = make_plan(seed, ON_POSTGRES, count)
    assert plan == make_plan(seed, ON_POSTGRES, count)
    assert len(plan) == count
    assert {fault.kind for fault in plan} <= set(ON_POSTGRES)


def test_another_seed_gives_others() -> None:
    assert len({make_plan(seed, ON_SQLITE, 20) for seed in range(20)}) == 20


@given(st.integers())
def test_with_room_for_all_each_kind_happens(seed: int) -> None:
    assert {fault.kind for fault in make_plan(seed, ON_SQLITE, len(ON_SQLITE))} == set(ON_SQLITE)


@given(st.integers())
def test_between_the_two_databases_each_kind_happens_once(seed: int) -> None:
    sqlite, postgres = share(seed)
    assert sorted((*sqlite, *postgres)) == sorted(Kind)
    assert set(sqlite) <= set(ON_SQLITE)
    assert set(postgres) <= set(ON_POSTGRES)


@given(st.integers())
def test_a_fault_lasts_no_longer_than_is_said(seed: int) -> None:
    plan = make_plan(seed, ON_SQLITE, 50, longest=1.0, rest=0.5)
    assert all(0.2 <= fault.hold <= 1.0 and 0 <= fault.after <= 0.5 for fault in plan)


def test_the_judge_has_no_complaint_when_all_is_stored_or_waits() -> None:
    assert GOOD.complaints() == []


def test_a_number_that_a_full_disk_could_not_write_down_may_be_used_again_and_both_samples_are_stored() -> None:
    stored = {"main/a": {1, 2, 900}, "main/b": {7}}
    both = replace(GOOD, stored=stored, counted={"main/a": 3, "main/b": 1}, reused={"main/a": {2}})
    assert both.complaints() == []
    assert replace(both, reused={}).complaints() == ["main/a: 1 stored, never accepted (900)"]


def test_the_judge_names_what_is_lost() -> None:
    assert replace(GOOD, waiting={}).complaints() == ["main/a: 1 lost (3)"]


def test_the_judge_names_what_nobody_accepted() -> None:
    more = replace(GOOD, stored={**GOOD.stored, "main/c": {9}}, counted={**GOOD.counted, "main/c": 1})
    assert more.complaints() == ["main/c: 1 stored, never accepted (9)"]


def test_what_a_disk_refused_may_be_stored_or_not() -> None:
    refused = replace(GOOD, refused={"main/c": {8, 9}}, stored={**GOOD.stored, "main/c": {9}})
    assert replace(refused, counted={**GOOD.counted, "main/c": 1}).complaints() == []


def test_the_judge_notices_what_was_counted_twice() -> None:
    assert replace(GOOD, counted={"main/a": 3, "main/b": 1}).complaints() == ["main/a: counted +1"]


def test_a_log_tells_what_the_disk_has_and_what_is_in_memory_alone() -> None:
    log = [
        "sample kept node=main/a n=1",
        "disk refuses samples, they are kept in memory node=main/a error=database or disk is full",
        "sample kept node=main/a n=2",
        "sample kept node=main/b n=5",
    ]
    assert read_log(log) == ({"main/a": {1}, "main/b": {5}}, {"main/a": {2}})
    log += ["disk takes samples again node=main/a", "sample kept node=main/a n=3"]
    assert read_log(log) == ({"main/a": {1, 2, 3}, "main/b": {5}}, {})


def message(title: str, *lines: str, at: float = 100.0, well: bool = True) -> Delivery:
    return Delivery(at, "/hook", {"title": title, "message": "\n".join(lines)}, well)


def test_a_death_is_told_by_the_first_message_that_the_channel_took_and_that_names_it() -> None:
    deaths = [Death("doomed1", 50.0), Death("doomed12", 50.0), Death("doomed2", 500.0)]
    hear(
        deaths,
        [
            message("CRITICAL: main/doomed1 lost", at=60.0, well=False),
            message("CRITICAL: main/doomed1 lost", at=70.0),
            message("CRITICAL: main/doomed2 lost", at=80.0),
            message("OK: main/doomed12 back, after 3 s", at=90.0),
        ],
    )
    assert [death.told_at for death in deaths] == [70.0, None, None]
    assert untold(deaths) == ["doomed12: its death was never told", "doomed2: its death was never told"]


def test_a_group_s_message_tells_of_all_that_it_names() -> None:
    deaths = [Death("doomed1", 50.0), Death("doomed2", 50.0)]
    hear(deaths, [message("2 nodes: are lost (main 2)", "CRITICAL: main/doomed1 lost", "CRITICAL: main/doomed2 lost")])
    assert untold(deaths) == []


def test_who_is_called_lost_while_it_was_there_is_a_false_alert() -> None:
    excuses = [Excuse({"rig01"}, 90.0, 95.0)]
    said = [
        message("CRITICAL: main/rig01 lost"),
        message("CRITICAL: main/rig02 silent"),
        message("OK: main/rig03 back, after 3 s"),
        message("CRITICAL: main/rig04 is too hot"),
        message("CRITICAL: main/rig01 lost", at=300.0),
        message("CRITICAL: main/doomed1 lost", at=40.0),
    ]
    found = list(false_alerts(said, [Death("doomed1", 50.0)], excuses))
    assert [line.partition(":")[0] for line in found] == [
        "false alert on rig02",
        "false alert on rig01",
        "false alert on doomed1",
    ]
