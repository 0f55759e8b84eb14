"""What plugs say, as facts: what is usual, who is there, and which situation they make of a node that is gone."""

from msgspec.structs import replace

from alerts.cause import Cause, Neighbours, Plug, Symptom, explain
from alerts.endings import REASONS
from alerts.facts import NodeFacts
from alerts.node_history import NodeHistory
from alerts.plugs import PlugFacts, PlugState, by_node, follow_plug
from alerts.witnesses import situation_of
from rigwatch.devices.reading import DeviceReading
from rigwatch.ending import Ending
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId

MINUTE = 60_000
AT = 1_700_000_000_000
NOW = AT + 100_000
RIG, NEXT, FAR = (NodeId("garage", name) for name in ("rig1", "rig2", "rig3"))


def said(state: PlugState, *watts: float, every: int = 6 * MINUTE, at: int = AT) -> PlugState:
    for number, each in enumerate(watts):
        state = follow_plug(state, DeviceReading(watts=each), at + number * every)
    return state


def test_what_is_usual_is_what_it_draws_at_work() -> None:
    assert said(PlugState(), 80, 400).usual_watts == 400
    assert said(PlugState(), 400, *[60] * 500).usual_watts == 400
    slowly = said(PlugState(), 400, *[300] * 120).usual_watts
    assert slowly is not None
    assert 300 < slowly < 345
    assert said(PlugState(), 400, 399, every=1000).usual_watts == 400


def test_who_speaks_of_power_is_there_and_who_says_nothing_stays_as_it_was() -> None:
    gone = follow_plug(PlugState(watts=5.0, watts_at=AT), DeviceReading(is_online=False), AT + 1)
    assert (gone.is_online, gone.online_at, gone.watts) == (False, AT + 1, 5.0)
    back = follow_plug(gone, DeviceReading(watts=6.0), AT + 2)
    assert (back.is_online, back.online_at) == (True, AT + 2)
    assert follow_plug(back, DeviceReading(), AT + 9) == back
    counted = follow_plug(back, DeviceReading(watt_hours=12.5, is_on=True), AT + 9)
    assert (counted.watt_hours, counted.watt_hours_at, counted.is_on) == (12.5, AT + 9, True)


def facts(node: NodeId, *, state: NodeState = NodeState.ONLINE, host: str = "", heard_at: int = AT) -> NodeFacts:
    lost = state is NodeState.LOST
    return NodeFacts(
        node, host=host or node.node, state=state, state_at=AT if lost else AT - 10**9,
        reason=REASONS[Ending.TIMED_OUT] if lost else "", last_report_at=heard_at,
    )  # fmt: skip


LOST = facts(RIG, state=NodeState.LOST)
FLEET = {each.id: each for each in (LOST, facts(NEXT, heard_at=AT + 5000), facts(FAR, heard_at=AT - 5000))}
USUAL = PlugState(is_on=True, watts=412, watts_at=AT + 3000, is_online=True, usual_watts=415)


def situation(*plugs: PlugFacts, fleet: dict[NodeId, NodeFacts] = FLEET) -> tuple[Plug | None, Neighbours]:
    found = situation_of(Symptom.GONE, LOST, NodeHistory(), fleet, now=NOW, plugs=by_node(plugs))
    return found.plug, found.plugs


def plug(name: str, state: PlugState, *nodes: NodeId) -> PlugFacts:
    return PlugFacts(name, "tasmota", f"tele/{name}", nodes=nodes or (RIG,), state=state)


def test_what_it_drew_before_the_death_says_nothing() -> None:
    assert situation(plug("a", USUAL))[0] == Plug("a", is_on=True, watts=412, usual=415)
    early = replace(USUAL, watts_at=AT + 1000)
    assert situation(plug("a", early))[0] == Plug("a", is_on=True, watts=None, usual=415)


def test_a_plug_went_with_it_within_its_own_keep_alive() -> None:
    gone = replace(USUAL, is_online=False, online_at=AT + 45_000)
    assert situation(plug("a", gone))[0] == Plug("a", is_on=True, watts=412, usual=415, gone=True)
    long_ago = replace(gone, online_at=AT - 3_600_000)
    found, _ = situation(plug("a", long_ago))
    assert found is not None
    assert not found.gone


def test_two_power_supplies_are_one_plug() -> None:
    half = replace(USUAL, watts=200, usual_watts=210)
    assert situation(plug("a", half), plug("b", half))[0] == Plug("a, b", is_on=True, watts=400, usual=420)
    silent = replace(half, watts_at=0)
    assert situation(plug("a", half), plug("b", silent))[0] == Plug("a, b", is_on=True, watts=None, usual=420)
    off = replace(half, is_on=False)
    found, _ = situation(plug("a", half), plug("b", off))
    assert found is not None
    assert found.is_on is True


def test_what_several_machines_draw_together_says_nothing_of_one() -> None:
    strip = plug("strip", USUAL, RIG, NEXT)
    assert situation(strip)[0] == Plug("strip", is_on=True, watts=None, usual=415)
    one_machine = {each.id: replace(each, host="box") for each in FLEET.values()}
    found = situation_of(
        Symptom.GONE, replace(LOST, host="box"), NodeHistory(), one_machine, now=NOW, plugs=by_node([strip])
    )
    assert found.plug == Plug("strip", is_on=True, watts=412, usual=415)


def test_the_plugs_of_the_neighbours_are_witnesses_too() -> None:
    spoke = replace(USUAL, watts_at=AT + 3000)
    silent = replace(USUAL, watts_at=AT - 3000)
    gone = replace(USUAL, is_online=False, online_at=AT + 10_000)
    away = replace(USUAL, is_online=False, online_at=AT - 10**8)
    own = plug("own", USUAL)
    others = [plug("w", spoke, NEXT), plug("s", silent, FAR), plug("g", gone, FAR), plug("x", away, NEXT)]
    elsewhere = plug("y", spoke, NodeId("attic", "rig1"))
    assert situation(own, *others, elsewhere)[1] == Neighbours(3, gone=1, well=1)


def test_power_of_one_machine_is_told_by_its_plug_and_the_others() -> None:
    gone = replace(USUAL, is_online=False, online_at=AT + 10_000)
    found = situation_of(Symptom.GONE, LOST, NodeHistory(), FLEET, now=NOW, plugs=by_node([plug("a", gone)]))
    assert explain(found).cause is Cause.POWER


def test_a_node_that_hashes_nothing_is_seen_by_its_plug() -> None:
    at_work = replace(facts(NEXT), sample=Sample(n=1, at=AT, hashrate=0.0))
    now = by_node([plug("a", replace(USUAL, watts_at=AT - MINUTE), NEXT)])
    found = explain(situation_of(Symptom.NOT_HASHING, at_work, NodeHistory(), FLEET, now=NOW, plugs=now))
    assert found.words == "probably hung (412 W, no hashes)"
    long_ago = by_node([plug("a", replace(USUAL, watts_at=AT - 10 * MINUTE), NEXT)])
    found = explain(situation_of(Symptom.NOT_HASHING, at_work, NodeHistory(), FLEET, now=NOW, plugs=long_ago))
    assert found.cause is Cause.UNKNOWN


def test_what_was_said_before_the_clock_was_put_back_says_nothing() -> None:
    ahead = NOW + 3_600_000
    told = [plug("a", replace(USUAL, watts_at=ahead)), plug("b", replace(USUAL, watts_at=ahead), NEXT)]
    fleet = {LOST.id: LOST, NEXT: facts(NEXT, heard_at=ahead)}
    found = situation_of(Symptom.GONE, LOST, NodeHistory(), fleet, now=NOW, plugs=by_node(told))
    assert found.plug == Plug("a", is_on=True, watts=None, usual=415)
    assert (found.plugs, found.hosts) == (Neighbours(1), Neighbours(1))


def test_a_plug_goes_on_from_now_after_the_clock_was_put_back() -> None:
    before = PlugState(
        is_on=True, on_at=AT + 9, watts=5, watts_at=AT + 9, is_online=True, online_at=AT + 9, usual_at=AT
    )
    after = follow_plug(before, DeviceReading(watts=6.0), AT)
    assert (after.watts, after.watts_at, after.on_at, after.online_at, after.said_at) == (6.0, AT, AT, AT, AT)
