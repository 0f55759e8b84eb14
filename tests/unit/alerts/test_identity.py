"""A name that is given to another machine starts without the old history; a machine that only changes keeps it."""

import pytest
from msgspec.structs import replace

from alerts.identity import identified
from alerts.node_history import CardHistory, NodeHistory
from rigwatch.figures import Gpu
from rigwatch.messages import Sample
from tests.fake_clock import START
from tests.unit.alerts.contexts import FACTS
from tests.unit.alerts.timeline import Timeline

RIG = "garage/rig1"


def cards(*ids: str, model: str = "RTX 3070") -> tuple[Gpu, ...]:
    return tuple(Gpu(id=each, name=model, temperature=60) for each in ids)


OLD = cards("0000:01:00.0", "0000:02:00.0", "0000:05:00.0")
NEW = cards("0000:03:00.0", model="RX 580")


def well_known() -> Timeline:
    line = Timeline(RIG, host=lambda _: "box1").usually(RIG, 45e6)
    line.at(1).report(RIG, gpus=OLD)
    return line.at(3605)


def test_another_machine_with_fewer_cards_misses_none_and_hashes_as_it_does() -> None:
    line = well_known()
    line.at(3700).dies(RIG)
    line.at(3710).expect("CRITICAL: garage/rig1 lost")
    line.at(7200).expect("STILL")
    line.moves(RIG, "box2").comes_back(RIG)
    line.report(RIG, gpus=NEW, hashrate=9e6)
    line.expect("OK: garage/rig1 back")
    line.at(86400).expect_nothing()
    line.report(RIG, gpus=())
    line.at(90000).expect("CRITICAL: garage/rig1 misses a GPU")
    assert "1 of 1 missing: RX 580 0000:03:00.0" in line.last().body


def test_what_was_wrong_with_the_old_machine_is_closed() -> None:
    line = well_known()
    line.report(RIG, gpus=OLD[:2], hashrate=20e6)
    line.at(5000).expect("CRITICAL: garage/rig1 misses a GPU", "WARNING: garage/rig1 hashes less than usual")
    line.moves(RIG, "box2").at(5010).report(RIG, gpus=NEW, hashrate=9e6)
    line.at(5020)
    line.expect(
        "CLOSED: garage/rig1 hashes less than usual for 23 min 25 s, another machine has its name",
        "CLOSED: garage/rig1 misses a GPU for 23 min 29 s, another machine has its name",
    )
    line.at(86400).expect_nothing()


@pytest.mark.parametrize("gone", [1, 2])
def test_a_machine_that_was_renamed_keeps_its_history(gone: int) -> None:
    line = well_known()
    line.at(3610).moves(RIG, "box-one").report(RIG, gpus=OLD)
    line.at(3700).report(RIG, gpus=OLD[gone:], hashrate=20e6)
    line.at(4500).expect("CRITICAL: garage/rig1 misses a GPU", "WARNING: garage/rig1 hashes less than usual")


def test_with_the_same_host_name_only_entirely_other_cards_are_another_machine() -> None:
    line = well_known()
    line.at(3700).report(RIG, gpus=NEW, hashrate=9e6)
    line.at(9000).expect_nothing()
    line = well_known()
    line.at(3700).report(RIG, gpus=cards("0000:09:00.0"))
    line.at(4000).expect("CRITICAL: garage/rig1 misses a GPU")


def test_without_cards_another_host_is_another_machine() -> None:
    line = Timeline(RIG, host=lambda _: "box1").usually(RIG, 45e6)
    line.at(3600).moves(RIG, "box2").report(RIG, hashrate=9e6)
    line.at(9000).expect_nothing()


def test_a_new_machine_whose_cards_cannot_be_read_at_first_is_judged_once_they_can() -> None:
    line = well_known()
    line.at(3700).moves(RIG, "box2").report(RIG, gpus=None, errors={"nvml": "no driver"})
    line.at(3765).report(RIG, gpus=OLD[:1], errors={})
    line.at(4500)
    titles = [notification.title for _, notification in line.notifications]
    assert not [title for title in titles if "GPU" in title]


def test_what_is_known_of_the_new_machine_survives_a_restart() -> None:
    line = well_known()
    line.at(3700).moves(RIG, "box2").report(RIG, gpus=NEW, hashrate=9e6)
    # The stored hours of the old machine do not count any more.
    line.usual_is_unknown(RIG).server_restarts()
    line.at(9000).expect_nothing()


def test_a_node_whose_uplink_was_away_for_an_hour_is_not_accused_of_getting_no_share_meanwhile() -> None:
    line = Timeline(RIG)
    for minute in range(1, 61):
        line.at(minute * 60 + 1).report(RIG, accepted=minute, rejected=0)
    line.dies(RIG)
    line.at(7200).comes_back(RIG)
    line.expect("CRITICAL: garage/rig1 lost", "STILL", "OK: garage/rig1 back")
    line.at(7500).report(RIG, accepted=61).expect_nothing()
    line.at(10800).expect("WARNING: garage/rig1 gets no share accepted")


def known(*ids: str, model: str = "RTX 3070") -> NodeHistory:
    cards = tuple(CardHistory(each, 1, 2, model) for each in ids)
    return NodeHistory(at=START - 60_000, host="box1", cards=cards)


def goes_on(history: NodeHistory, host: str, *gpus: Gpu, **told: object) -> bool:
    """Whether a sample from that host is taken for one of the same machine."""
    sample = Sample(n=START, at=START, gpus=gpus or None, **told)  # type: ignore[arg-type]  # a sample's figures
    return identified(history, replace(FACTS, host=host), sample).cards == history.cards


def test_half_of_the_cards_at_their_places_make_it_the_same_machine() -> None:
    four = known("a", "b", "c", "d")
    assert goes_on(four, "box2", *cards("a", "b"))
    assert not goes_on(four, "box2", *cards("a"))
    assert not goes_on(four, "box2", *cards("a", "b", model="RX 580"))


def test_with_its_old_name_a_machine_is_another_only_if_all_its_cards_are() -> None:
    two = known("a", "b")
    assert goes_on(two, "box1", *cards("a", model="RX 580"))
    assert goes_on(two, "box1", *cards("x"))
    assert goes_on(two, "box1", *cards("x", model="RX 580"), *cards("y"))
    assert goes_on(two, "box1", *cards("x", model="RX 580"), *cards("y", model=""))
    assert not goes_on(two, "box1", *cards("x", "y", model="RX 580"))


def test_a_machine_whose_cards_cannot_be_read_is_judged_once_they_can() -> None:
    one = known("a")
    assert goes_on(one, "box2", errors={"nvml": "no driver"})
    assert not goes_on(one, "box2")
    bare = replace(NodeHistory(at=START - 60_000, host="box1"), block=5)
    sample = Sample(n=START, at=START, errors={"nvml": "no driver"})
    assert identified(bare, replace(FACTS, host="box2"), sample).block is None
