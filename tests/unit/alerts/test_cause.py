"""What a cause is told from: a table of situations, each with every part of its witnesses, whoever speaks first."""

from collections.abc import Iterator
from itertools import chain, combinations
from typing import Any

import pytest

from alerts.cause import Cause, Confidence, Explanation, Neighbours, Plug, Situation, Symptom, explain
from rigwatch.ending import Ending

GONE, NOT_HASHING, SLOWER = Symptom.GONE, Symptom.NOT_HASHING, Symptom.SLOWER
TIMED_OUT, CLOSED = Ending.TIMED_OUT, Ending.CLOSED
WELL, ALL_GONE = Neighbours(4, well=4), Neighbours(4, gone=4)
SOME_GONE = Neighbours(4, gone=2, well=2)
PLUG_AS_USUAL = Plug("plug7", is_on=True, watts=412, usual=415)
PLUG_AT_REST = Plug("plug7", is_on=True, watts=9, usual=415)
PLUG_GONE = Plug("plug7", gone=True, usual=415)

# What happened; the symptom; what the witnesses say; the answers that are right, the one of all witnesses first.
Row = tuple[str, Symptom, dict[str, Any], tuple[Cause, ...]]
SITUATIONS: list[Row] = [
    ("one process of several is killed", GONE,
     {"ending": CLOSED, "nodes": Neighbours(7, well=7), "hosts": WELL, "plug": PLUG_AS_USUAL}, (Cause.PUBLISHER,)),
    ("one process of several hangs until its keep-alive is over", GONE,
     {"ending": TIMED_OUT, "nodes": Neighbours(7, well=7), "hosts": WELL}, (Cause.PUBLISHER,)),
    ("the only publisher of a machine is killed", GONE,
     {"ending": CLOSED, "hosts": WELL, "plug": PLUG_AS_USUAL}, (Cause.PUBLISHER, Cause.NETWORK)),
    ("a machine starts anew", GONE,
     {"ending": CLOSED, "nodes": Neighbours(3, gone=3), "hosts": WELL}, (Cause.PUBLISHER,)),
    ("a machine's cable is cut, with a plug at its wall", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": PLUG_AS_USUAL}, (Cause.NETWORK,)),
    ("a machine of several nodes loses its cable", GONE,
     {"ending": TIMED_OUT, "nodes": Neighbours(3, gone=3), "hosts": WELL, "plug": PLUG_AS_USUAL}, (Cause.NETWORK,)),
    ("a machine's cable is cut, and nothing measures it", GONE,
     {"ending": TIMED_OUT, "hosts": WELL}, (Cause.UNKNOWN,)),
    ("a machine's system hangs while its cards work on", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": PLUG_AS_USUAL}, (Cause.NETWORK,)),
    ("a machine crashed and is off", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": PLUG_AT_REST}, (Cause.OFF,)),
    ("a small miner is off", GONE,
     {"ending": TIMED_OUT, "plug": Plug("plug7", watts=1.2, usual=18)}, (Cause.OFF,)),
    ("a small miner's cable is cut", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": Plug("plug7", watts=17, usual=18)}, (Cause.NETWORK,)),
    ("a machine that rests, and its network is gone", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": Plug("plug7", watts=80, usual=415)}, (Cause.UNKNOWN,)),
    ("somebody switched its plug off", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": Plug("plug7", is_on=False, watts=0, usual=415)},
     (Cause.SWITCHED_OFF,)),
    ("its plug is on and measures nothing", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plug": Plug("plug7", is_on=True)}, (Cause.UNKNOWN,)),
    ("the power of one machine is gone, plug and all", GONE,
     {"ending": TIMED_OUT, "hosts": WELL, "plugs": WELL, "plug": PLUG_GONE}, (Cause.POWER,)),
    ("a breaker of three machines", GONE,
     {"ending": TIMED_OUT, "hosts": SOME_GONE, "plugs": SOME_GONE, "plug": PLUG_GONE}, (Cause.POWER,)),
    ("a breaker on which nothing else hangs that measures", GONE,
     {"ending": TIMED_OUT, "hosts": SOME_GONE, "plugs": WELL, "plug": PLUG_GONE}, (Cause.POWER,)),
    ("a fuse, and what hangs on it is not all heard yet", GONE,
     {"ending": TIMED_OUT, "hosts": Neighbours(4, well=1), "plug": PLUG_GONE}, (Cause.POWER,)),
    ("the switch of all machines dies, the plugs are on Wi-Fi", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "plugs": Neighbours(4, well=4), "plug": PLUG_AS_USUAL},
     (Cause.UPLINK, Cause.NETWORK, Cause.SITE)),
    ("the uplink of a site", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "plugs": Neighbours(4, gone=4), "plug": PLUG_GONE,
      "sites": Neighbours(2, well=2)}, (Cause.SITE,)),
    ("the uplink of a site without plugs", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "sites": Neighbours(2, well=2)}, (Cause.SITE,)),
    ("the power of a site", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "plugs": Neighbours(4, gone=4), "plug": PLUG_GONE,
      "sites": Neighbours(2, well=2)}, (Cause.SITE,)),
    ("all machines of a site are switched off, their plugs tell", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "plugs": Neighbours(4, well=4),
      "plug": Plug("plug7", is_on=False, watts=0)}, (Cause.SWITCHED_OFF, Cause.SITE, Cause.UPLINK)),
    ("the server's own network", GONE,
     {"ending": TIMED_OUT, "hosts": ALL_GONE, "sites": Neighbours(2, gone=2), "plugs": Neighbours(4, gone=4),
      "plug": PLUG_GONE}, (Cause.SERVER, Cause.SITE)),
    ("the server's own cable, with one site", GONE, {"ending": TIMED_OUT, "hosts": ALL_GONE}, (Cause.SITE,)),
    ("the server ended the connection", GONE,
     {"ending": Ending.REFUSED, "hosts": WELL}, (Cause.UNKNOWN,)),
    ("a miner crashed", NOT_HASHING,
     {"refused": True, "watts": 60.0, "usual_watts": 415.0, "plug": Plug("plug7", watts=90, usual=450)},
     (Cause.MINER,)),
    ("a miner hangs and its cards go on", NOT_HASHING,
     {"watts": 412.0, "usual_watts": 415.0, "plug": Plug("plug7", watts=450, usual=455)}, (Cause.HUNG,)),
    ("the pool is away, and the cards rest", NOT_HASHING,
     {"watts": 80.0, "usual_watts": 415.0}, (Cause.UNKNOWN,)),
    ("the driver lost all cards", NOT_HASHING,
     {"cards": 0, "cards_known": 8, "watts": 60.0, "usual_watts": 600.0}, (Cause.CARD,)),
    ("one card of eight fell off the bus", SLOWER,
     {"cards": 7, "cards_known": 8, "watts": 505.0, "usual_watts": 600.0}, (Cause.CARD,)),
    ("a card is slow and all are there", SLOWER,
     {"cards": 8, "cards_known": 8, "watts": 590.0, "usual_watts": 600.0}, (Cause.UNKNOWN,)),
]  # fmt: skip


def parts(witnesses: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every part of them: as many as have spoken so far, whoever spoke first."""
    names = sorted(witnesses)
    subsets = chain.from_iterable(combinations(names, count) for count in range(len(names) + 1))
    return ({name: witnesses[name] for name in subset} for subset in subsets)


def ids(row: Row) -> str:
    return row[0]


@pytest.mark.parametrize("row", SITUATIONS, ids=ids)
def test_all_witnesses_together_tell_the_cause(row: Row) -> None:
    _, symptom, witnesses, right = row
    assert explain(Situation(symptom, **witnesses)).cause is right[0]


@pytest.mark.parametrize("row", SITUATIONS, ids=ids)
def test_whoever_has_spoken_so_far_the_answer_is_right_or_unknown(row: Row) -> None:
    _, symptom, witnesses, right = row
    for part in parts(witnesses):
        found = explain(Situation(symptom, **part))
        assert found.cause in {*right, Cause.UNKNOWN}, (found, part)


def test_a_breaker_is_not_told_from_a_switch_with_everything_behind_it() -> None:
    behind_it = {"ending": TIMED_OUT, "hosts": SOME_GONE, "plugs": SOME_GONE, "plug": PLUG_GONE}
    for part in parts(behind_it):
        assert explain(Situation(GONE, **part)).confidence is Confidence.UNSURE, part


@pytest.mark.parametrize("row", SITUATIONS, ids=ids)
def test_one_more_witness_never_makes_a_right_answer_wrong(row: Row) -> None:
    _, symptom, witnesses, right = row
    for part in parts(witnesses):
        if explain(Situation(symptom, **part)).cause not in right:
            continue
        for name in witnesses.keys() - part.keys():
            after = explain(Situation(symptom, **part, **{name: witnesses[name]}))
            assert after.cause in right, (name, part)


def test_there_are_at_least_25_situations() -> None:
    assert len({row[0] for row in SITUATIONS}) >= 25


@pytest.mark.parametrize(
    ("situation", "words"),
    [
        (Situation(GONE, plug=PLUG_AT_REST), "off or crashed (its plug draws 9 W)"),
        (Situation(GONE, plug=PLUG_GONE, hosts=WELL), "probably its power (its plug went with it)"),
        (Situation(GONE, plug=PLUG_GONE, hosts=SOME_GONE), "perhaps its power (its plug went with it)"),
        (Situation(NOT_HASHING, watts=412, usual_watts=415), "probably hung (412 W, no hashes)"),
        (Situation(SLOWER, cards=7, cards_known=8, watts=505, usual_watts=600),
         "card lost (7 of 8 cards, 600 W → 505 W)"),
        (Situation(GONE, ending=TIMED_OUT, hosts=WELL), "it stopped answering, 4 other machines of its site well"),
        (Situation(GONE, hosts=ALL_GONE), "perhaps uplink or power of the site (all 5 machines went together)"),
        (Situation(GONE), ""),
    ],
)  # fmt: skip
def test_the_words_of_a_message(situation: Situation, words: str) -> None:
    assert explain(situation).words == words


def test_a_silent_plug_is_unknown_and_never_0_watts() -> None:
    silent = Plug("plug7", is_on=None, watts=None, usual=415)
    assert explain(Situation(GONE, ending=TIMED_OUT, plug=silent)) == Explanation(
        Cause.UNKNOWN, Confidence.UNSURE, "it stopped answering"
    )
