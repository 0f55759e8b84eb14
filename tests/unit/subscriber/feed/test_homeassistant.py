"""What Home Assistant is told of."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from alerts.facts import NodeFacts
from alerts.node_history import CardHistory
from rigwatch.messages import NodeState, Sample
from rigwatch.topics import NodeId
from subscriber.feed.homeassistant import Announcer
from subscriber.feed.places import OWN, Places
from subscriber.feed.reader import FeedFacts
from subscriber.feed.tree import Tree
from tests.unit.subscriber.feed.test_tree import HERE, NODE, state

DEVICE = "homeassistant/device/rigwatch_4_farm_rig1/config"
SERVER = "homeassistant/device/rigwatch_server/config"
CARD = "gpu_9b8a2f6f0a1b7c11"


def seen(
    *nodes: NodeFacts, cards: Mapping[NodeId, list[CardHistory]] = {}, origins: Mapping[NodeId, str] = {}
) -> FeedFacts:
    return FeedFacts(HERE, nodes, cards=cards, origins=origins)


def told(*nodes: NodeFacts, form: Literal["device", "component"] = "device", link: str = "") -> Tree:
    return Announcer(OWN, form).announced(seen(*nodes), {}, link)


def device(facts: NodeFacts = NODE, link: str = "") -> dict[str, Any]:
    read: dict[str, Any] = json.loads(told(facts, link=link)[DEVICE])
    return read


def test_a_node_is_one_device_with_what_discovery_requires() -> None:
    body = device(link="https://rigs.example/")
    assert body["dev"]["ids"] == ["rigwatch_4_farm_rig1"]
    assert body["dev"]["cu"] == "https://rigs.example/node/farm/rig1"
    assert (body["dev"]["sa"], body["dev"]["via_device"]) == ("farm", "rigwatch_server")
    assert body["o"]["name"] == "rigwatch"
    assert {each["p"] for each in body["cmps"].values()} == {"sensor", "binary_sensor", "event"}
    assert all(each["uniq_id"].startswith("rigwatch_4_farm_rig1_") for each in body["cmps"].values())
    assert len({each["uniq_id"] for each in body["cmps"].values()}) == len(body["cmps"])


def test_a_figure_is_available_while_both_the_server_and_the_node_are_and_runs_out() -> None:
    body = device()
    assert body["avty"] == [{"t": "rigwatch/v1/server/status"}, {"t": "rigwatch/v1/farm/rig1/availability"}]
    assert body["avty_mode"] == "all"
    figure = body["cmps"]["hashrate_hs"]
    assert ("avty" in figure, figure["exp_aft"]) == (False, 240)
    assert device(replace(NODE, interval=timedelta(seconds=1)))["cmps"]["peers"]["exp_aft"] == 60


def test_how_it_stands_is_shown_while_the_server_is_there() -> None:
    parts = device()["cmps"]
    stays = {key for key, part in parts.items() if part.get("avty") == [{"t": "rigwatch/v1/server/status"}]}
    assert stays == {
        "status", "problem", "incident", "incident_event", "open_incidents", "last_seen", "energy_kwh",
    }  # fmt: skip
    assert not any("exp_aft" in parts[key] for key in stays)
    assert parts["status"]["ops"] == ["online", "degraded", "silent", "lost", "offline"]


def test_every_sensor_of_a_known_figure_reads_a_key_of_the_state() -> None:
    body, known = device(), state(NODE)
    plain = {key: part for key, part in body["cmps"].items() if part.get("val_tpl", "").endswith("default(none) }}")}
    assert plain.keys() & known.keys() == {
        "status", "open_incidents", "hashrate_hs", "peers", "temperature_c", "failing_sources",
        f"{CARD}_temperature_c", f"{CARD}_power_w",
    }  # fmt: skip
    assert body["stat_t"] == "rigwatch/v1/farm/rig1/state"
    for name, each in plain.items():
        assert each["val_tpl"] == f"{{{{ value_json.{name} | default(none) }}}}"


def test_energy_counts_and_has_digits() -> None:
    part = device()["cmps"]["energy_kwh"]
    assert (part["unit_of_meas"], part["dev_cla"], part["stat_cla"]) == ("kWh", "energy", "total_increasing")
    assert part["sug_dsp_prc"] == 2


def test_the_server_is_a_device_as_well() -> None:
    body = json.loads(told(NODE)[SERVER])
    assert (body["dev"]["ids"], body["stat_t"]) == (["rigwatch_server"], "rigwatch/v1/server/state")
    assert {"nodes", "nodes_lost", "hashrate_hs", "power_w", "energy_kwh", "open_incidents"} <= body["cmps"].keys()


def test_each_entity_of_its_own_says_the_same_as_the_device() -> None:
    whole, parts = device(), told(NODE, form="component")
    own = {topic: json.loads(part) for topic, part in parts.items() if "/rigwatch_4_farm_rig1/" in topic}
    assert len(own) == len(whole["cmps"])
    for key, part in whole["cmps"].items():
        one = own[f"homeassistant/{part['p']}/rigwatch_4_farm_rig1/{key}/config"]
        shared = {name: whole[name] for name in ("dev", "o", "avty", "avty_mode", "stat_t")}
        assert one == shared | {name: value for name, value in part.items() if name != "p"}


def test_what_was_announced_in_the_other_form_is_superseded_not_gone() -> None:
    announcer = Announcer(OWN, "device")
    announcer.announced(seen(NODE), {}, "")
    (first, *_) = told(NODE, form="component")
    assert announcer.is_superseded(first)
    assert not announcer.is_superseded(DEVICE)
    assert not announcer.is_superseded("homeassistant/sensor/rigwatch_4_farm_gone/peers/config")


def test_a_card_that_a_failing_source_hides_stays() -> None:
    hidden = replace(NODE, sample=Sample(n=2, at=1, errors={"gpu": "no driver"}))
    cards = {NODE.id: [CardHistory("GPU-5d0c3f6e-8a41-4e0c-9b8a-2f6f0a1b7c11", 1, 2, "RTX 3070")]}
    body = json.loads(Announcer(OWN, "device").announced(seen(hidden, cards=cards), {}, "")[DEVICE])
    assert body["cmps"][f"{CARD}_power_w"]["name"] == "RTX 3070 7c11 power"


def test_a_card_that_is_gone_for_good_is_taken_away_as_the_form_wants() -> None:
    announcer, bare = Announcer(OWN, "device"), replace(NODE, sample=Sample(n=2, at=1, gpus=()))
    kept = announcer.announced(seen(NODE), {}, "")
    after = json.loads(announcer.announced(seen(bare), kept, "")[DEVICE])
    assert after["cmps"][f"{CARD}_power_w"] == {"p": "sensor"}
    # Also for who starts much later, and by a server that was started anew.
    again = json.loads(Announcer(OWN, "device").announced(seen(bare), {DEVICE: json.dumps(after).encode()}, "")[DEVICE])
    assert again == after


def test_a_card_that_is_gone_is_no_topic_any_more_where_each_entity_has_one() -> None:
    announcer, bare = Announcer(OWN, "component"), replace(NODE, sample=Sample(n=2, at=1, gpus=()))
    gone = announcer.announced(seen(NODE), {}, "").keys() - announcer.announced(seen(bare), {}, "").keys()
    assert len(gone) == 3
    assert all(announcer.is_ours(topic) and CARD in topic for topic in gone)


def test_who_was_moved_keeps_its_identity_and_says_its_new_place() -> None:
    moved = replace(NODE, id=NodeId("barn", "rig1"))
    body = json.loads(Announcer(OWN, "device").announced(seen(moved, origins={moved.id: "farm/rig1"}), {}, "")[DEVICE])
    assert (body["dev"]["ids"], body["dev"]["sa"]) == (["rigwatch_4_farm_rig1"], "barn")
    assert body["stat_t"] == "rigwatch/v1/barn/rig1/state"


def test_who_has_the_name_of_a_moved_one_is_another() -> None:
    moved = replace(NODE, id=NodeId("barn", "rig1"))
    origins = {moved.id: "farm/rig1", NODE.id: "farm/rig1/12"}
    announcer = Announcer(OWN, "device")
    found = announcer.announced(seen(moved, NODE, origins=origins), {}, "")
    assert set(found) == {DEVICE, SERVER, "homeassistant/device/rigwatch_4_farm_rig1_N12/config"}
    assert all(map(announcer.is_ours, found))


def test_nothing_is_made_anew_that_has_not_changed() -> None:
    announcer = Announcer(OWN, "device")
    first = announcer.announced(seen(NODE), {}, "")
    newer = replace(NODE, sample=replace(NODE.sample, hashrate=5.0), last_report_at=1)  # type: ignore[type-var]
    assert announcer.announced(seen(newer), {}, "")[DEVICE] is first[DEVICE]
    renamed = announcer.announced(seen(replace(NODE, given="Blue")), {}, "")
    assert json.loads(renamed[DEVICE])["dev"]["name"] == "Blue"


def test_nodes_whose_names_run_together_stay_two() -> None:
    one = NodeFacts(id=NodeId("a_b", "c"), state=NodeState.ONLINE)
    other = NodeFacts(id=NodeId("a", "b_c"), state=NodeState.ONLINE)
    assert len(told(one, other)) == 3


def test_a_node_that_was_never_heard_of_is_not_announced() -> None:
    assert set(told(NodeFacts(id=NodeId("farm", "rig1")))) == {SERVER}


@pytest.mark.parametrize(
    "topic",
    [
        "homeassistant/device/zigbee_1/config",
        "homeassistant/device/rigwatch_x/extra/config",
        "homeassistant/device/rigwatch-other_4_farm_rig1/config",
        "homeassistant/sensor/0x00158d/power/config",
        "homeassistant/light/rigwatch_4_farm_rig1/x/config",
    ],
)
def test_devices_of_others_are_not_ours(topic: str) -> None:
    assert not Announcer(OWN, "device").is_ours(topic)


def test_two_servers_on_one_broker_do_not_clear_each_others_devices() -> None:
    other = Announcer(Places("rigs/north", "ha"), "device")
    found = other.announced(seen(NODE), {}, "")
    assert set(found) == {
        "ha/device/rigwatch-rigs-north_4_farm_rig1/config", "ha/device/rigwatch-rigs-north_server/config",
    }  # fmt: skip
    assert all(map(other.is_ours, found))
    assert not any(Announcer(Places(discovery="ha"), "device").is_ours(topic) for topic in found)
