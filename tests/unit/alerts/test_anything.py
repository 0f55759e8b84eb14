"""Anything may happen in any order: nothing breaks, nothing is looked at without end, and messages make sense."""

import random
from collections import defaultdict

import pytest

from alerts.incident import IncidentState, NotificationKind
from alerts.notice import NoticeReason
from alerts.silence import SilenceKind
from rigwatch.figures import Gpu
from tests.unit.alerts.timeline import Timeline

NODES = [f"{site}/rig{number}" for site in ("hall", "attic") for number in range(4)]
CARDS = tuple(Gpu(id=f"0000:0{number}:00.0", name="RTX 3070", temperature=60) for number in range(1, 4))
EVENTS = 80


def happens(line: Timeline, dice: random.Random) -> None:
    some = dice.sample(NODES, dice.choice([1, 1, 1, 3, 8]))
    change = dice.choice([*[_comes_or_goes] * 7, *[_reports] * 4, _people, _people, _server, _server])
    change(line, dice, some)


def _comes_or_goes(line: Timeline, dice: random.Random, some: list[str]) -> None:
    match dice.randrange(9):
        case 0 | 1 | 2:
            line.dies(*some)
        case 3 | 4 | 5:
            line.comes_back(*some)
        case 6:
            line.stops(*some)
        case 7:
            line.reports_stop(some[0])
        case _:
            line.moves(some[0], f"box{dice.randrange(3)}")


def _reports(line: Timeline, dice: random.Random, some: list[str]) -> None:
    for name in some:
        line.report(name, **figures(dice))


def _people(line: Timeline, dice: random.Random, some: list[str]) -> None:
    match dice.randrange(3):
        case 0:
            until, site = _seconds(line) + dice.choice([30, 900, 7200]), some[0].split("/")[0]
            line.is_quiet(until=until, kind=dice.choice(list(SilenceKind)), site=site)
        case 1:
            line.acknowledge(dice.choice(["lost", "hot", "no_hashrate"]))
        case _:
            line.is_loud_again()


def _server(line: Timeline, dice: random.Random, _some: list[str]) -> None:
    if dice.randrange(2):
        line.server_restarts()
        return
    line.broker_goes()
    line.at(_seconds(line) + dice.choice([2, 45]))
    line.broker_comes()


def figures(dice: random.Random) -> dict[str, object]:
    return {
        "hashrate": dice.choice([0, 45e6, 20e6, None]),
        "peers": dice.choice([0, 2, 25, None]),
        "block": dice.choice([None, 1000, 1001, 1030, 10**9]),
        "block_hash": dice.choice([None, "0xaa", "0xbb"]),
        "temperature": dice.choice([10, 60, 95, None]),
        "gpus": dice.choice([None, CARDS, CARDS[:2], ()]),
        "accepted": dice.choice([None, 0, dice.randrange(1000)]),
        "errors": dice.choice([{}, {"xmrig": "refused"}, {"outbox": "full"}]),
        "clock_offset": dice.choice([0, 60_000]),
    }


def _seconds(line: Timeline) -> float:
    return (line.now - line.began) / 1000


@pytest.mark.parametrize("seed", range(12))
def test_whatever_happens_messages_begin_repeat_and_end_in_that_order(seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311 - repeatable
    line = Timeline(*NODES, group_wait=dice.choice(["0s", "5s", "1m"]), hold=dice.choice(["0s", "2s", "1m"]))
    for name in NODES:
        line.usually(name, 45e6)
    for _ in range(EVENTS):
        line.at(_seconds(line) + dice.choice([0, 0.3, 1, 4, 20, 90, 400, 2000]))
        happens(line, dice)
    line.at(_seconds(line) + 10_000)
    told: defaultdict[int, list[NotificationKind]] = defaultdict(list)
    for _, notification in line.notifications:
        for number in notification.incidents:
            told[number].append(notification.kind)
    for number, kinds in told.items():
        assert _is_well_said(kinds), (number, kinds, line.stored[number])
    # What is still wrong at the end has been told, unless a parent speaks for it, somebody knows, or the node is gone.
    for incident in line.stored.values():
        if incident.state is IncidentState.FIRING and incident.parent is None and incident.acknowledged is None:
            assert incident.told_at is not None or incident.reason == NoticeReason.INHIBITED.value, incident


def _is_well_said(kinds: list[NotificationKind]) -> bool:
    first, rest = kinds[0], kinds[1:]
    if first not in {NotificationKind.FIRST, NotificationKind.FLAPPING, NotificationKind.SETTLED}:
        return False
    if NotificationKind.FIRST in rest and first is not NotificationKind.FLAPPING:
        return False
    return NotificationKind.RECOVERY not in rest[:-1]
