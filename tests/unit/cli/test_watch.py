"""`rigwatch watch` shows whatever passes, one line a message."""

import json
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.watch import SHOWN_MOST, line_of
from rigwatch.keys import MasterKey
from rigwatch.mqtt import MqttMessage
from rigwatch.registry import NodeAccess, Registry
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

NODE = NodeId("main", "rig1")
TOPIC = "rigwatch/v1/main/rig1/report"
MASTER = MasterKey(bytes(32))
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
DEEP = b"[" * 100_000
KEY = MASTER.node_key(NODE).seal_key


def access(folder: Path) -> NodeAccess:
    registry = Registry(folder / "nodes.json")
    registry.enroll(NODE, 1)
    return NodeAccess(MASTER, registry, open_enrollment=False)


def shown(folder: Path, payload: bytes, *, topic: str = TOPIC) -> str:
    line = line_of(MqttMessage(topic, payload, retained=False), access(folder), FakeClock())
    # As it is printed: on one line, of letters that can be sent, none of which commands a terminal.
    assert not {unicodedata.category(letter) for letter in line} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(letter) for letter in line} & TURNING
    assert line.encode()
    return line


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        (b"", ""),
        (b"\x00\xff\xfe", r"\x00\xff\xfe"),
        (b"\x02" + b"x" * 40, r"\x02" + "x" * 40),
        (b"\x01", "cannot be opened: "),
        (b"\x01" + bytes(40), "cannot be opened: "),
        (b'{"a":1e999}', '{"a":Infinity}'),
        (b'{"a":"\\ud800"}', r'{"a":"\ud800"}'),
        (b'{"a":"\\u001b[2J\\u202e\\u061c\\ufeff"}', r"\u001b[2J\u202e\u061c\ufeff"),
        (b"1" * 10_000, "1" * 10_000),
        (DEEP, "[[[["),
        (b"[" * 900 + b"]" * 900, "[[[["),
        (b'{"n":' * 100_000, '{"n":'),
    ],
    ids=range(12),
)
@pytest.mark.parametrize("sealed", [False, True])
def test_it_shows_whatever_a_message_holds(tmp_path: Path, payload: bytes, text: str, *, sealed: bool) -> None:
    line = shown(tmp_path, KEY.seal(TOPIC, payload) if sealed else payload)
    assert "main/rig1/report" in line
    if not (sealed and text.startswith("cannot")):
        assert text in line


@pytest.mark.parametrize("sealed", [False, True])
def test_it_shows_the_beginning_of_what_is_huge(tmp_path: Path, *, sealed: bool) -> None:
    payload = json.dumps(["x" * 5_000_000]).encode()
    line = shown(tmp_path, KEY.seal(TOPIC, payload) if sealed else payload)
    assert line.endswith(f"… ({len(payload)} bytes)")
    assert SHOWN_MOST < len(line) < SHOWN_MOST * 1.1


@pytest.mark.parametrize(
    "topic",
    [
        "rigwatch/v1/",
        "rigwatch/v1//x/report",
        "rigwatch/v1/main/RIG/report",
        "rigwatch/v1/a/b/c/d",
        "x\x1b[2J\ufffd",
        "",
    ],
)
def test_it_shows_a_topic_that_is_none_of_ours(tmp_path: Path, topic: str) -> None:
    assert "hello" in shown(tmp_path, b"hello", topic=topic)


def test_it_goes_on_while_the_list_of_nodes_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "nodes.json").write_text("{")
    broken = NodeAccess(MASTER, Registry(tmp_path / "nodes.json"), open_enrollment=False)
    line = line_of(MqttMessage(TOPIC, KEY.seal(TOPIC, b"{}"), retained=True), broken, FakeClock())
    assert "cannot be read as the list of enrolled nodes" in line
    assert "\n" not in line


@given(payload=st.binary(max_size=300), topic=st.text(max_size=60), sealed=st.booleans())
def test_made_up_messages_are_a_line_each(
    tmp_path_factory: pytest.TempPathFactory, *, payload: bytes, topic: str, sealed: bool
) -> None:
    folder = tmp_path_factory.getbasetemp()
    shown(folder, KEY.seal(TOPIC, payload) if sealed else payload, topic=TOPIC if sealed else topic)
