"""Every rule with every setting that it has: on and off, threshold, hold, clear-hold, severity, schedule, recovery."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from alerts.incident import NotificationKind
from alerts.notification import Notification
from alerts.quota import DAY, DayUse
from alerts.rule import OF_THE_SERVER, Rule
from rigwatch.figures import Board, Gpu
from tests.unit.alerts.timeline import Timeline

RIG, OTHER, THIRD = "garage/rig1", "attic/rig2", "attic/rig3"
WRONG_AT, RIGHT_AT, END = 700.0, 2500.0, 3000.0
BOTH = tuple(Gpu(id=f"GPU-{name}", name="RTX 3070") for name in "ab")


class Case(NamedTuple):
    """How a rule comes to hold and to be over; `base` are settings without which it never does, `tolerant` ones with
    which it does not: another threshold."""

    rule: Rule
    wrong: Callable[[Timeline], object]
    right: Callable[[Timeline], object]
    prepare: Callable[[Timeline], object] = lambda _line: None
    base: Mapping[str, Any] = MappingProxyType({})
    tolerant: float | None = None


def shares(line: Timeline) -> None:
    for minute in range(1, 11):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0)


def both_at_a_block(line: Timeline) -> None:
    line.at(690).report(RIG, block=1000).report(OTHER, block=1000)


def three_at_a_block(line: Timeline) -> None:
    both_at_a_block(line)
    line.report(THIRD, block=1000)


def both_cards(line: Timeline) -> None:
    # What is missing counts as missing since it was seen last.
    line.report(RIG, gpus=BOTH).at(WRONG_AT).report(RIG)


def boards(*chips: int | None) -> tuple[Board, ...]:
    """Boards that should have 63 chips; None hashes nothing."""
    return tuple(
        Board(str(at), active=count is not None, chips=count, chips_expected=63) for at, count in enumerate(chips)
    )


def agreed(line: Timeline) -> None:
    for name in (RIG, OTHER, THIRD):
        line.report(name, block=1000, block_hash="0xaaaa")


def refused(*names: str) -> Callable[[Timeline], object]:
    def change(line: Timeline) -> None:
        line.engine.set_refused(dict.fromkeys(names, "Unauthorized"))
        line.at(WRONG_AT if names else RIGHT_AT)

    return change


def expires(*names: str) -> Callable[[Timeline], object]:
    def change(line: Timeline) -> None:
        line.engine.set_expiring(dict.fromkeys(names, "it ends in 3 days; renew it"))
        line.at(WRONG_AT if names else RIGHT_AT)

    return change


def reports(**figures: Any) -> Callable[[Timeline], object]:  # noqa: ANN401 - a sample's
    return lambda line: line.report(RIG, **figures)


def over_quota(line: Timeline) -> None:
    line.report(RIG, today=DayUse(line.now // DAY, samples=1000, bytes=5_000_000, refused=7))


def usually(line: Timeline) -> None:
    line.usually(RIG, 45e6)


CASES = (
    Case(Rule.LOST, lambda line: line.dies(RIG), lambda line: line.comes_back(RIG)),
    Case(Rule.SILENT, lambda line: line.reports_stop(RIG), lambda line: line.report(RIG), tolerant=100),
    Case(Rule.OFFLINE, lambda line: line.stops(RIG), lambda line: line.comes_back(RIG)),
    Case(Rule.NO_PEERS, reports(peers=0), reports(peers=25)),
    Case(Rule.FEW_PEERS, reports(peers=2), reports(peers=25), tolerant=1),
    Case(Rule.NO_HASHRATE, reports(hashrate=0), reports(hashrate=45e6)),
    Case(Rule.LOW_HASHRATE, reports(hashrate=20e6), reports(hashrate=45e6), usually, tolerant=10),
    Case(Rule.HASHRATE_FLOOR, reports(hashrate=20e6), reports(hashrate=45e6), base={"threshold": 30e6}, tolerant=10e6),
    Case(
        Rule.BLOCK_LAG, lambda line: line.report(OTHER, block=1020), reports(block=1020), both_at_a_block, tolerant=50
    ),
    Case(Rule.BLOCK_AHEAD, reports(block=50_000), reports(block=1001), three_at_a_block, tolerant=100_000),
    Case(
        Rule.BLOCK_STALLED,
        lambda line: line.report(OTHER, block=1001),
        reports(block=1001),
        both_at_a_block,
        tolerant=60,
    ),
    Case(Rule.FORK, reports(block_hash="0xbbbb"), reports(block_hash="0xaaaa"), agreed),
    Case(Rule.SOURCE_FAILING, reports(errors={"xmrig": "refused"}), reports(errors={})),
    Case(Rule.NO_SHARES, lambda line: line, reports(accepted=11), shares, tolerant=100),
    Case(Rule.REJECTED_SHARES, reports(accepted=100, rejected=10), reports(accepted=9000), shares, tolerant=50),
    Case(Rule.GPU_MISSING, reports(gpus=BOTH[:1]), reports(gpus=BOTH), both_cards),
    Case(
        Rule.BOARD_MISSING, reports(hashrate=2.0, boards=boards(63, None)), reports(hashrate=3.0, boards=boards(63, 63))
    ),
    Case(Rule.CHIPS_MISSING, reports(boards=boards(63, 60)), reports(boards=boards(63, 63)), tolerant=10),
    Case(Rule.HOT, reports(temperature=95), reports(temperature=60), tolerant=99),
    Case(Rule.COLD, reports(temperature=5), reports(temperature=60), tolerant=1),
    Case(Rule.CLOCK_OFF, reports(clock_offset=40_000), reports(clock_offset=0), tolerant=100),
    Case(Rule.SAMPLES_LOST, reports(errors={"outbox": "full"}), reports(errors={})),
    Case(Rule.QUOTA, over_quota, reports(today=DayUse())),
    # It is over by itself, ten minutes after the second was last seen.
    Case(
        Rule.TWO_PUBLISHERS,
        lambda line: line.is_published_twice(RIG, until=RIGHT_AT - 600),
        lambda line: line,
    ),
    Case(Rule.NO_BROKER, lambda line: line.broker_goes(), lambda line: line.broker_comes()),
    Case(Rule.CHANNEL_REFUSED, refused("bad"), refused()),
    Case(Rule.CERTIFICATE_EXPIRY, expires("the broker's certificate"), expires()),
)
OF_NODES = [case for case in CASES if case.rule not in OF_THE_SERVER]
Told = list[tuple[float, Notification]]


def each(cases: list[Case] | tuple[Case, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("case", cases, ids=[case.rule.value for case in cases])


def played(case: Case, settings: dict[str, Any] | None = None, **alerts: Any) -> Told:  # noqa: ANN401 - of any table
    """All messages of a time line on which the rule comes to hold, and is over half an hour later; no other is on."""
    others: dict[str, Any] = {rule.value: {"enabled": False} for rule in Rule if rule is not case.rule}
    own = {"hold": "0s", "clear_hold": "0s", **case.base, **(settings or {})}
    line = Timeline(RIG, OTHER, THIRD, group_wait="0s", grace="0s", **{**others, case.rule.value: own, **alerts})
    case.prepare(line)
    line.at(WRONG_AT)
    case.wrong(line)
    line.at(RIGHT_AT)
    case.right(line)
    line.at(END)
    return line.notifications


def kinds(told: Told) -> list[NotificationKind]:
    return [notification.kind for _, notification in told]


def test_no_rule_is_forgotten() -> None:
    # That of the database is decided without one, by itself: `test_blackout.py`.
    assert {case.rule for case in CASES} == set(Rule) - {Rule.NO_DATABASE}


@each(CASES)
def test_it_waits_for_its_hold_and_its_clear_hold_and_speaks_as_often_and_as_loud_as_it_is_told(case: Case) -> None:
    schedule = {"schedule": ["0s", "2m", "5m"], "severity": "info"}
    plain = played(case, schedule)
    assert kinds(plain) == [
        NotificationKind.FIRST,
        NotificationKind.REMINDER,
        NotificationKind.REMINDER,
        NotificationKind.RECOVERY,
    ]
    fired_at = plain[0][0]
    assert fired_at >= WRONG_AT
    assert [at - fired_at for at, _ in plain[1:3]] == pytest.approx([120, 300])
    assert plain[0][1].title.startswith("INFO: ")
    assert plain[-1][1].title.startswith("OK: ")
    held = played(case, {**schedule, "hold": "3m", "clear_hold": "2m"})
    assert kinds(held) == kinds(plain)
    assert held[0][0] - fired_at == pytest.approx(180, abs=0.01)
    assert held[-1][0] - plain[-1][0] == pytest.approx(120, abs=0.01)


@each(CASES)
def test_it_can_be_switched_off(case: Case) -> None:
    assert played(case, {"enabled": False}) == []


@each(CASES)
def test_what_is_over_within_its_hold_is_not_told(case: Case) -> None:
    assert played(case, {"hold": "50m"}) == []


@each(CASES)
def test_its_severity_is_as_set_and_its_end_is_told_only_where_wanted(case: Case) -> None:
    (first,) = played(case, {"severity": "critical", "schedule": ["0s"], "recovery": False})
    assert first[1].title.startswith("CRITICAL: ")
    assert first[1].severity.value == "critical"


@each([case for case in CASES if case.tolerant is not None])
def test_another_threshold_lets_it_pass(case: Case) -> None:
    assert kinds(played(case))[0] is NotificationKind.FIRST
    assert played(case, {"threshold": case.tolerant}) == []


@each(OF_NODES)
def test_a_site_and_a_node_may_differ(case: Case) -> None:
    off = {case.rule.value: {"enabled": False}}
    on = {case.rule.value: {"enabled": True}}
    assert played(case, site={"garage": off}) == []
    assert played(case, site={"attic": off}) != []
    assert played(case, site={"garage": off}, node={RIG: on}) != []
