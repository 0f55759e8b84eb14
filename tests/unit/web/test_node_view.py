"""How a fleet stands: who counts, who lags, and until when that holds."""

from datetime import timedelta

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.facts import NodeFacts, ServerFacts
from alerts.status import NodeStatus
from rigwatch.clock import Millis, in_millis
from rigwatch.messages import NodeState
from rigwatch.settings import WebColours
from tests.fake_clock import START
from tests.unit.web.made import MINUTE, SERVER, fleet, gone, node
from web.colours import age_level
from web.node_view import FleetView, fleet_at, next_change_at, remarks

COLOURS = WebColours()
BORDERS = (in_millis(COLOURS.age_green), in_millis(COLOURS.age_yellow))


def test_the_total_is_of_the_nodes_that_report_now() -> None:
    seen = fleet(
        node("a", hashrate=100),
        node("b", hashrate=20),
        gone(node("lost", hashrate=5000)),
        gone(node("offline", hashrate=5000), NodeState.OFFLINE),
        node("silent", reported_ago=3 * MINUTE + 1, hashrate=5000),
    )
    assert seen.hashrate == 120
    assert seen.counted == 2


def test_a_total_of_nobody_is_not_known_and_a_total_of_zeros_is_zero() -> None:
    assert fleet(gone(node("a", hashrate=100))).hashrate is None
    assert fleet(node("a", peers=3)).hashrate is None
    assert fleet(node("a", hashrate=0)).hashrate == 0


def test_a_node_lags_behind_those_of_its_own_chain() -> None:
    other = {"tags": ("gpu", "chain:other")}
    nodes = [
        node("a", block=10),
        node("b", block=12),
        msgspec.structs.replace(node("c", block=900), **other),
        msgspec.structs.replace(node("d", block=903), **other),
    ]
    seen = fleet(*nodes)
    assert [each.lag for each in seen.views] == [2, 0, 3, 0]
    assert seen.highest_block == 903


def test_a_node_that_reports_seldom_is_not_behind_for_what_others_have_reported_since() -> None:
    seen = fleet(
        node("seldom", block=100, reported_ago=2 * MINUTE),
        node("often", block=108),
        node("stuck", block=90, reported_ago=MINUTE),
        node("now", block=107),
    )
    assert {each.facts.id.node: each.lag for each in seen.views} == {"seldom": 0, "often": 0, "stuck": 10, "now": 1}
    assert seen.highest_block == 108


def test_the_highest_block_is_not_that_of_a_lost_node() -> None:
    seen = fleet(node("a", block=100), node("b", block=97), gone(node("c", block=900)), node("d"))
    assert seen.highest_block == 100
    assert [each.lag for each in seen.views] == [0, 3, None, None]


def test_a_node_that_came_back_does_not_count_with_what_it_said_before() -> None:
    back = msgspec.structs.replace(node(reported_ago=60 * MINUTE, hashrate=5000), state_at=START)
    seen = fleet(back)
    assert seen.views[0].status is NodeStatus.ONLINE
    assert seen.hashrate is None


def test_without_a_subscriber_nothing_is_known_of_now() -> None:
    seen = fleet(node(hashrate=100, block=1), server=ServerFacts())
    assert seen.broker_down
    assert seen.hashrate is None
    assert seen.highest_block is None
    assert seen.by_status == {NodeStatus.UNKNOWN: 1}


def test_an_enrolled_node_is_pending_and_counts_for_nothing() -> None:
    seen = fleet(NodeFacts(node().id)).views[0]
    assert (seen.status, seen.counted) == (NodeStatus.PENDING, False)


def test_remarks_name_each_source_that_failed() -> None:
    assert remarks(node(errors={"xmrig": "refused", "nvidia": "no driver"})) == ("nvidia: no driver", "xmrig: refused")
    assert remarks(node(reported_ago=None)) == ()


def looks(seen: FleetView) -> list[object]:
    return [(each.status, each.counted, each.lag, age_level(each.age_at(seen.now), COLOURS)) for each in seen.views]


@st.composite
def nodes(draw: st.DrawFn) -> NodeFacts:
    made = node(
        f"rig{draw(st.integers(0, 99))}",
        reported_ago=draw(st.none() | st.integers(0, 7 * MINUTE)),
        block=draw(st.integers(0, 5)),
    )
    return msgspec.structs.replace(
        made,
        state=draw(st.sampled_from(NodeState)),
        state_at=START - draw(st.integers(0, 7 * MINUTE)),
        interval=timedelta(seconds=draw(st.sampled_from([1, 10, 60, 130]))),
    )


@given(
    st.lists(nodes(), max_size=6),
    st.integers(0, 7 * MINUTE),
    st.floats(0, 1, exclude_max=True),
)
@settings(max_examples=300)
def test_nothing_looks_different_until_the_next_change(
    many: list[NodeFacts], connected_ago: Millis, when: float
) -> None:
    # The heartbeat goes on meanwhile.
    server = ServerFacts(connected_at=START - connected_ago, beat_at=START + 10 * MINUTE)
    first = fleet_at(many, server, START, borders=BORDERS)
    until = next_change_at(first)
    later = START + int((until - START) * when)
    assert START < until <= START + MINUTE
    assert later < until
    assert looks(fleet_at(many, server, later)) == looks(first)


@given(st.lists(nodes(), min_size=1, max_size=6), st.lists(st.integers(0, 8 * MINUTE), max_size=4), st.data())
@settings(max_examples=300)
def test_what_is_taken_over_from_before_is_what_would_be_made_anew(
    many: list[NodeFacts], moments: list[Millis], data: st.DataObject
) -> None:
    before = None
    for later in moments:
        now = START + later
        beat = data.draw(st.sampled_from([now, now, START - MINUTE]))
        server = ServerFacts(connected_at=START - MINUTE, beat_at=beat)
        changed = data.draw(st.integers(0, len(many) - 1))
        many = [data.draw(nodes()) if at == changed else each for at, each in enumerate(many)]
        anew = fleet_at(many, server, now, borders=BORDERS)
        before = fleet_at(many, server, now, borders=BORDERS, before=before)
        assert looks(before) == looks(anew)
        assert (before.by_status, before.rates, before.counted) == (anew.by_status, anew.rates, anew.counted)
        assert next_change_at(before) == next_change_at(anew)


def test_the_next_change_is_the_millisecond_in_which_a_report_turns_yellow() -> None:
    reporting = msgspec.structs.replace(node(reported_ago=3 * MINUTE - 500), interval=timedelta(hours=1))
    seen = fleet_at([reporting], SERVER, START, borders=BORDERS)
    assert next_change_at(seen) == START + 501


def test_who_has_no_hashrate_is_not_among_those_that_make_it_up() -> None:
    seen = fleet(node("a", hashrate=1), node("b", peers=3), gone(node("c", hashrate=5)))
    assert (seen.hashrate, seen.hashing, seen.counted) == (1, 1, 2)
