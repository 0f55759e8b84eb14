"""What the plain state tree says of a node."""

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.facts import NodeFacts, ServerFacts
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule, Severity
from rigwatch.figures import AlgorithmFigures, Gpu
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from subscriber.feed.energy import FLEET, Meter
from subscriber.feed.places import OWN, Places
from subscriber.feed.reader import FeedFacts
from subscriber.feed.tree import OFFLINE, ONLINE, Tree, card_key, tree_of

NOW = 1_760_000_000_000
HERE = ServerFacts(connected_at=NOW - 3_600_000, beat_at=NOW)
STATE, AVAILABILITY = "rigwatch/v1/farm/rig1/state", "rigwatch/v1/farm/rig1/availability"
SUBJECT = Subject(Scope.NODE, "farm", "rig1")
GPU = Gpu(id="GPU-5d0c3f6e-8a41-4e0c-9b8a-2f6f0a1b7c11", temperature=61.0, power=0.0)
NODE = NodeFacts(
    id=NodeId("farm", "rig1"),
    state=NodeState.ONLINE,
    state_at=NOW - 90_000,
    last_report_at=NOW - 5_000,
    interval=timedelta(seconds=60),
    sample=Sample(n=1, at=NOW - 5_000, hashrate=0.0, peers=12, temperature=54.5, gpus=(GPU,)),
)


def tree(*nodes: NodeFacts, incidents: Sequence[Incident] = (), places: Places = OWN) -> Tree:
    found = tree_of(FeedFacts(HERE, nodes, incidents), places, Meter(), NOW)
    assert found is not None
    return found


def state(facts: NodeFacts, *incidents: Incident) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(tree(facts, incidents=incidents)[STATE])
    return read


def incident(rule: Rule = Rule.HOT, subject: Subject = SUBJECT, **more: Any) -> Incident:  # noqa: ANN401 - as the fields are
    return Incident(7, rule, subject, IncidentState.FIRING, NOW - 60_000, evidence="91 °C", **more)


def test_it_names_each_figure_with_its_unit_and_leaves_out_what_is_not_known() -> None:
    assert state(NODE) == {
        "status": "online",
        "up": 1,
        "problem": 0,
        "open_incidents": 0,
        "status_since_ms": NOW - 90_000,
        "reported_at_ms": NOW - 5_000,
        "hashrate_hs": 0.0,
        "peers": 12,
        "temperature_c": 54.5,
        "failing_sources": 0,
        "gpu_9b8a2f6f0a1b7c11_temperature_c": 61.0,
        "gpu_9b8a2f6f0a1b7c11_power_w": 0.0,
    }


def test_each_algorithm_has_keys_of_its_own() -> None:
    sample = Sample(
        n=1,
        at=NOW - 5_000,
        hashrate=60e6,
        invalid=2,
        hardware_errors=0,
        algorithm="etchash",
        algorithms={"etchash": AlgorithmFigures(60e6, 10), "rx/0": AlgorithmFigures(9000.0)},
    )
    read = state(replace(NODE, sample=sample))
    assert (read["algorithm"], read["invalid_shares"], read["hardware_errors"]) == ("etchash", 2, 0)
    assert {key: value for key, value in read.items() if key.startswith("algorithm_")} == {
        "algorithm_etchash_hashrate_hs": 60e6,
        "algorithm_etchash_accepted_shares": 10,
        "algorithm_rx0_hashrate_hs": 9000.0,
    }


def test_it_is_flat_and_numeric_but_for_the_status() -> None:
    read = state(NODE)
    del read["status"]
    assert {type(each) for each in read.values()} <= {int, float}


@pytest.mark.parametrize(
    ("changed", "status", "payload"),
    [
        ({}, "online", ONLINE),
        ({"sample": replace(NODE.sample, errors={"miner": "refused"})}, "degraded", ONLINE),  # type: ignore[type-var]
        ({"state": NodeState.LOST}, "lost", OFFLINE),
        ({"state": NodeState.OFFLINE}, "offline", OFFLINE),
        ({"last_report_at": NOW - 181_000, "state_at": NOW - 500_000}, "silent", OFFLINE),
    ],
)
def test_a_node_is_available_while_it_is_there(changed: dict[str, Any], status: str, payload: bytes) -> None:
    facts = replace(NODE, **changed)
    assert state(facts)["status"] == status
    assert tree(facts)[AVAILABILITY] == payload


@pytest.mark.parametrize(("said", "problem"), [(NodeState.LOST, 1), (NodeState.OFFLINE, 0)])
def test_a_node_that_is_not_there_shows_no_figure_as_current_and_tells_lost_from_stopped(
    said: NodeState, problem: int
) -> None:
    read = state(replace(NODE, state=said))
    assert read == {
        "status": said.value,
        "up": 0,
        "problem": problem,
        "open_incidents": 0,
        "status_since_ms": NOW - 90_000,
        "reported_at_ms": NOW - 5_000,
    }


@pytest.mark.parametrize(
    ("open_incident", "problem"),
    [
        (incident(), 1),
        (incident(severity=Severity.INFO), 0),
        # Somebody stopped it, and knows.
        (incident(Rule.OFFLINE), 0),
    ],
)
def test_an_open_incident_stands_in_the_state(open_incident: Incident, problem: int) -> None:
    read = state(NODE, open_incident)
    assert (read["open_incidents"], read["problem"]) == (1, problem)
    assert read["incident"] == f"{open_incident.rule.value}: 91 °C"


def test_the_incident_of_another_node_does_not() -> None:
    assert state(NODE, incident(subject=Subject(Scope.NODE, "farm", "rig2")))["open_incidents"] == 0


def test_of_several_the_worst_is_named() -> None:
    worse = replace(incident(Rule.FORK, severity=Severity.CRITICAL), id=9, since=NOW)
    read = state(NODE, incident(), worse)
    assert (read["open_incidents"], read["incident"]) == (2, "fork: 91 °C")


def test_the_server_tells_of_all_nodes_together() -> None:
    lost = replace(NODE, id=NodeId("farm", "rig2"), state=NodeState.LOST)
    miner = replace(NODE, id=NodeId("barn", "rig3"), sample=replace(NODE.sample, hashrate=7.0, power=12.5))  # type: ignore[type-var]
    group = incident(Rule.LOST, Subject(Scope.SITE, "farm"), severity=Severity.CRITICAL)
    member = incident(Rule.LOST, Subject(Scope.NODE, "farm", "rig2"), parent=7)
    found = tree(NODE, lost, miner, NodeFacts(id=NodeId("farm", "new")), incidents=[group, member])
    assert json.loads(found["rigwatch/v1/server/state"]) == {
        "nodes": 4,
        "nodes_up": 2,
        "nodes_online": 2,
        "nodes_degraded": 0,
        "nodes_silent": 0,
        "nodes_lost": 1,
        "nodes_offline": 0,
        "nodes_pending": 1,
        "problem": 1,
        "open_incidents": 1,
        "incident": "lost: 91 °C",
        "hashrate_hs": 7.0,
        "power_w": 12.5,
    }
    assert found["rigwatch/v1/server/status"] == ONLINE


def test_rates_of_two_algorithms_are_not_added_up() -> None:
    samples = (
        Sample(n=1, at=NOW, hashrate=5.0, algorithm="etchash"),
        Sample(n=1, at=NOW, hashrate=3.0, algorithm="rx/0"),
    )
    nodes = [replace(NODE, id=NodeId("farm", f"rig{n}"), sample=sample) for n, sample in enumerate(samples)]
    read = json.loads(tree(*nodes)["rigwatch/v1/server/state"])
    assert "hashrate_hs" not in read
    assert (read["algorithm_etchash_hashrate_hs"], read["algorithm_rx0_hashrate_hs"]) == (5.0, 3.0)


def test_while_nobody_sees_the_nodes_nobody_says_anything() -> None:
    assert tree_of(FeedFacts(ServerFacts(beat_at=NOW), [NODE]), OWN, Meter(), NOW) is None


def test_the_prefix_is_the_owners_choice_on_a_broker_of_his() -> None:
    found = tree(NODE, places=Places("mining/rigs"))
    assert {topic.rpartition("/")[0] for topic in found} == {"mining/rigs/farm/rig1", "mining/rigs/server"}


def drawing(power: float | None, seconds: int) -> NodeFacts:
    sample = Sample(n=seconds, at=NOW, power=power)
    return replace(NODE, sample=sample, last_report_at=NOW + seconds * 1000)


def test_energy_is_power_added_up_report_by_report() -> None:
    meter = Meter()
    meter.take("farm/rig1", drawing(1000.0, 0))
    for seconds in (60, 60, 120):
        meter.take("farm/rig1", drawing(3600.0, seconds))
    assert meter.kwh("farm/rig1") == meter.kwh(FLEET) == 0.12


def test_what_nobody_saw_is_not_counted() -> None:
    meter = Meter()
    for facts in (drawing(3600.0, 0), drawing(3600.0, 3600), drawing(None, 3660), drawing(3600.0, 3720)):
        meter.take("farm/rig1", facts)
    # Two intervals of the hour, and the last minute.
    assert meter.kwh("farm/rig1") == 0.18


def test_where_no_power_is_known_no_energy_is() -> None:
    meter = Meter()
    for seconds in (0, 60):
        meter.take("farm/rig1", drawing(None, seconds))
    assert (meter.kwh("farm/rig1"), meter.kwh(FLEET)) == (None, None)
    meter.take("farm/rig1", drawing(3600.0, 120))
    assert meter.kwh("farm/rig1") == meter.kwh(FLEET) == 0.06


def test_a_counter_goes_on_from_what_was_published() -> None:
    meter = Meter()
    meter.recall("farm/rig1", {"energy_kwh": 5.5, "reported_at_ms": NOW})
    meter.recall(FLEET, {"energy_kwh": 9.0})
    meter.take("farm/rig1", drawing(3600.0, 60))
    assert (meter.kwh("farm/rig1"), meter.kwh(FLEET)) == (5.56, 9.06)


def test_of_a_node_that_was_never_heard_of_there_is_nothing() -> None:
    assert {topic.rpartition("/")[0] for topic in tree(NodeFacts(id=NodeId("farm", "rig1")))} == {"rigwatch/v1/server"}


def test_cards_are_told_apart_by_what_they_are_not_by_their_place() -> None:
    assert card_key("00000000:01:00.0") == "gpu_0000000001000"
    assert card_key("00000000:02:00.0") == "gpu_0000000002000"
