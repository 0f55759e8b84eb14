"""What the plain state tree says of a node."""

import json
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from alerts.facts import NodeFacts, ServerFacts
from rigwatch.figures import AlgorithmFigures, Gpu
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from subscriber.feed.tree import OFFLINE, ONLINE, gpu_key, tree_of

NOW = 1_760_000_000_000
HERE = ServerFacts(connected_at=NOW - 3_600_000, beat_at=NOW)
STATE, AVAILABILITY = "rigwatch/v1/farm/rig1/state", "rigwatch/v1/farm/rig1/availability"
GPU = Gpu(id="GPU-5d0c3f6e-8a41-4e0c-9b8a-2f6f0a1b7c11", temperature=61.0, power=0.0)
NODE = NodeFacts(
    id=NodeId("farm", "rig1"),
    state=NodeState.ONLINE,
    state_at=NOW - 90_000,
    last_report_at=NOW - 5_000,
    interval=timedelta(seconds=60),
    sample=Sample(n=1, at=NOW - 5_000, hashrate=0.0, peers=12, temperature=54.5, gpus=(GPU,)),
)


def state(facts: NodeFacts) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(tree_of([facts], HERE, NOW)[STATE])
    return read


def test_it_names_each_figure_with_its_unit_and_leaves_out_what_is_not_known() -> None:
    assert state(NODE) == {
        "status": "online",
        "up": 1,
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
    assert tree_of([facts], HERE, NOW)[AVAILABILITY] == payload


def test_of_a_node_that_was_never_heard_of_there_is_nothing() -> None:
    assert not tree_of([NodeFacts(id=NodeId("farm", "rig1"))], HERE, NOW)


def test_cards_are_told_apart_by_what_they_are_not_by_their_place() -> None:
    assert gpu_key(Gpu(id="00000000:01:00.0")) == "gpu_0000000001000"
    assert gpu_key(Gpu(id="00000000:02:00.0")) == "gpu_0000000002000"
