"""The devices that Home Assistant is told of."""

import json
from typing import Any

from alerts.facts import NodeFacts
from rigwatch.messages import NodeState
from rigwatch.topics import NodeId
from subscriber.feed.homeassistant import devices_of, is_ours
from tests.unit.subscriber.feed.test_tree import NODE, state


def device(facts: NodeFacts = NODE, link: str = "") -> tuple[str, dict[str, Any]]:
    ((topic, payload),) = devices_of([facts], link).items()
    return topic, json.loads(payload)


def test_a_node_is_one_device_with_what_discovery_requires() -> None:
    topic, body = device(link="https://rigs.example/")
    assert topic == "homeassistant/device/rigwatch_4_farm_rig1/config"
    assert body["dev"]["ids"] == ["rigwatch_4_farm_rig1"]
    assert body["dev"]["cu"] == "https://rigs.example/node/farm/rig1"
    assert body["o"]["name"] == "rigwatch"
    assert {each["p"] for each in body["cmps"].values()} == {"sensor"}
    assert all(each["uniq_id"].startswith("rigwatch_4_farm_rig1_") for each in body["cmps"].values())
    assert len({each["uniq_id"] for each in body["cmps"].values()}) == len(body["cmps"])


def test_it_is_available_while_both_the_server_and_the_node_are() -> None:
    _, body = device()
    assert body["avty"] == [{"t": "rigwatch/v1/server/status"}, {"t": "rigwatch/v1/farm/rig1/availability"}]
    assert body["avty_mode"] == "all"


def test_every_sensor_of_a_known_figure_reads_a_key_of_the_state() -> None:
    _, body = device()
    known = state(NODE)
    read = {name for name in body["cmps"] if name in known}
    assert read == {
        "hashrate_hs", "peers", "temperature_c", "gpu_9b8a2f6f0a1b7c11_temperature_c", "gpu_9b8a2f6f0a1b7c11_power_w",
    }  # fmt: skip
    assert body["stat_t"] == "rigwatch/v1/farm/rig1/state"
    for name, each in body["cmps"].items():
        assert each["val_tpl"] == f"{{{{ value_json.{name} | default(none) }}}}"


def test_nodes_whose_names_run_together_stay_two() -> None:
    one = NodeFacts(id=NodeId("a_b", "c"), state=NodeState.ONLINE)
    other = NodeFacts(id=NodeId("a", "b_c"), state=NodeState.ONLINE)
    assert len(devices_of([one, other], "")) == 2


def test_devices_of_others_are_not_ours() -> None:
    assert is_ours(device()[0])
    assert not is_ours("homeassistant/device/zigbee_1/config")
    assert not is_ours("homeassistant/device/rigwatch_x/extra/config")
