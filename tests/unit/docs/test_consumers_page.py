"""What docs/consumers.md tells others to read is published, and what it tells owners to write is taken."""

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from broker.topics import covers
from rigwatch.messages import Sample
from rigwatch.settings.loader import SettingPlace, build
from rigwatch.settings.server import ServerSettings
from rigwatch.topics import PLAIN
from tests.unit.subscriber.feed.test_tree import NODE, NOW, incident, state

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "consumers.md").read_text("utf-8")
EXAMPLES = ROOT / "docs" / "examples"
FLOWS: list[dict[str, Any]] = json.loads((EXAMPLES / "node-red.json").read_text("utf-8"))
LIVE = (EXAMPLES / "live.html").read_text("utf-8")
HOME_ASSISTANTS = "homeassistant/#"
# Every second piece is a block.
BLOCKS = [block for block in PAGE.split("```")[1::2] if "\n[feed]" in block]


def is_published(topic: str) -> bool:
    return topic == HOME_ASSISTANTS or any(covers(topic, each) or covers(each, topic) for each in PLAIN)


def test_every_topic_that_it_names_is_published() -> None:
    topics = set(re.findall(r"rigwatch/v1/[\w+/]+\w|rigwatch/v1/server/\+", PAGE + LIVE)) - {"rigwatch/v1/server"}
    topics |= {flow["topic"] for flow in FLOWS if flow["type"] == "mqtt in"}
    assert len(topics) >= 5
    assert [topic for topic in topics if not is_published(topic)] == []


def test_the_flow_is_whole() -> None:
    known = {flow["id"] for flow in FLOWS}
    named = {each for flow in FLOWS for wire in flow.get("wires", ()) for each in wire}
    named |= {flow[key] for flow in FLOWS for key in ("z", "broker") if key in flow and flow["type"] != "mqtt-broker"}
    assert named <= known
    assert not any({"user", "password", "credentials"} & flow.keys() for flow in FLOWS)


def test_the_page_reads_keys_that_there_are() -> None:
    found = re.search(r"const \{ ([\w, ]+) \} = JSON\.parse", LIVE)
    assert found
    assert set(found[1].split(", ")) <= state(NODE, incident()).keys()


def test_telegraf_is_told_which_fields_are_words() -> None:
    (named,) = re.findall(r"json_string_fields = (\[.*\])", PAGE)
    mining = replace(NODE, sample=Sample(n=1, at=NOW, algorithm="kawpow"))
    words = {key for key, value in state(mining, incident()).items() if isinstance(value, str)}
    assert words == set(json.loads(named))


@pytest.mark.parametrize("block", BLOCKS)
def test_each_setting_is_one_that_is_taken(block: str) -> None:
    build(ServerSettings, tomllib.loads(block.replace("…", "h")), SettingPlace("docs/consumers.md"))


def test_there_are_settings_to_check() -> None:
    assert len(BLOCKS) >= 2
