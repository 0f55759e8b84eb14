"""The grammar of names and topics."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.errors import TopicError
from rigwatch.topics import ALL_REPORTS, ALL_STATUS, SERVER_STATUS, NodeId, TopicLevel, every, parse_topic, topic_of

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,63}", fullmatch=True)
NODES = st.builds(NodeId, NAMES, NAMES)
CHANNELS = st.sampled_from(TopicLevel)

BAD_NAMES = {
    "empty": "",
    "too-long": "a" * 65,
    "capital": "Rig1",
    "dot": "rig.1",
    "space": "rig 1",
    "first-dash": "-rig",
    "first-underscore": "_rig",
    "slash": "rig/1",
    "plus": "+",
    "hash": "#",
    "newline": "rig\n",
    "umlaut": "rüg",
    "arabic-digit": "rig٣",
    "nul": "rig\0",
    "dollar": "$share",
}


@pytest.mark.parametrize("name", ["a", "0", "rig1", "a-b_c", "9_-", "a" * 64])
def test_a_name_is_made_of_small_letters_digits_dash_and_underscore(name: str) -> None:
    assert str(NodeId(name, name)) == f"{name}/{name}"


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES)
def test_any_other_name_is_refused_and_the_error_says_which_and_what_is_allowed(name: str) -> None:
    with pytest.raises(TopicError, match=r"^site .* is not a valid name: use 1 to 64 of a-z"):
        NodeId(name, "rig1")
    with pytest.raises(TopicError, match=r"^node ") as refusal:
        NodeId("main", name)
    assert "\n" not in str(refusal.value)


def test_an_error_does_not_repeat_more_of_a_name_than_fits_a_line() -> None:
    with pytest.raises(TopicError) as refusal:
        NodeId("main", "A" * 100_000)
    assert len(str(refusal.value)) < 250


@given(NODES)
def test_a_node_is_read_back_from_its_text(node: NodeId) -> None:
    assert NodeId.parse(str(node)) == node


@pytest.mark.parametrize("text", ["", "rig1", "main/", "/rig1", "a/b/c", "main/rig1/", "Main/rig1"])
def test_what_is_not_site_slash_node_is_refused(text: str) -> None:
    with pytest.raises(TopicError):
        NodeId.parse(text)


@given(NODES, CHANNELS)
def test_a_topic_is_read_back_as_its_node_and_channel(node: NodeId, channel: TopicLevel) -> None:
    assert parse_topic(topic_of(node, channel)) == (node, channel)


@given(st.text(max_size=60))
def test_any_text_is_a_topic_of_ours_or_refused(text: str) -> None:
    try:
        node, channel = parse_topic(text)
    except TopicError:
        return
    assert topic_of(node, channel) == text


@pytest.mark.parametrize(
    "topic",
    [
        "",
        "/",
        "rigwatch",
        "rigwatch/v1/main/rig1",
        "rigwatch/v1/main/rig1/",
        "rigwatch/v1/main/rig1/other",
        "rigwatch/v1/main/rig1/Status",
        "rigwatch/v1/main/rig1/status/",
        "rigwatch/v1/main/rig1/status/more",
        "/rigwatch/v1/main/rig1/status",
        "rigwatch/v2/main/rig1/status",
        "other/v1/main/rig1/status",
        "rigwatch/v1/+/rig1/status",
        "rigwatch/v1/main/#",
        "rigwatch/v1/main//status",
        "rigwatch/v1/Main/rig1/status",
        SERVER_STATUS,
        ALL_STATUS,
    ],
)
def test_any_other_topic_is_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(topic)


def test_the_topics_are_those_that_the_protocol_names() -> None:
    node = NodeId("farm-a", "rig_07")
    assert [topic_of(node, channel) for channel in TopicLevel] == [
        f"rigwatch/v1/farm-a/rig_07/{last}" for last in ("status", "report", "ack", "state", "availability", "incident")
    ]
    assert (ALL_STATUS, ALL_REPORTS) == ("rigwatch/v1/+/+/status", "rigwatch/v1/+/+/report")
    assert every(TopicLevel.ACK) == "rigwatch/v1/+/+/ack"
    assert SERVER_STATUS == "rigwatch/v1/server/status"
