"""The published test vectors are those of the code, and the code reads what they say and refuses what they forbid."""

import json
from typing import TypeAlias

import pytest

from rigwatch.envelope import SealKey
from rigwatch.errors import DecodeError, OpenError, TokenError, TopicError
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import Ack, Report, Status, decode
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId, TopicLevel, check_name, parse_topic
from tests.vectors import PATH, render

Vector: TypeAlias = dict[str, str]

VECTORS = json.loads(PATH.read_text(encoding="utf-8"))


def master_of(vector: Vector) -> MasterKey:
    return MasterKey(bytes.fromhex(vector["master"]))


def node_of(vector: Vector) -> NodeId:
    return NodeId(vector["site"], vector["node"])


def key_of(vector: Vector) -> NodeKey:
    return master_of(vector).node_key(node_of(vector), int(vector["generation"]))


def seal_of(vector: Vector) -> SealKey:
    return key_of(vector).seal_key


def read(kind: str, plain: str) -> Status | Report | Ack:
    data = plain.encode()
    if kind == "status":
        return decode(data, Status)
    return decode(data, Report) if kind == "report" else decode(data, Ack)


def test_the_file_is_what_the_code_makes() -> None:
    assert PATH.read_text(encoding="utf-8") == render(), "run 'python -m tests.vectors' and look at the difference"


@pytest.mark.parametrize("vector", VECTORS["passphrases"])
def test_a_passphrase_is_stretched_to_its_master_key(vector: Vector) -> None:
    probe = NodeId("main", "rig1")
    assert MasterKey.from_passphrase(vector["passphrase"]).node_key(probe) == master_of(vector).node_key(probe)


@pytest.mark.parametrize("vector", VECTORS["node_keys"])
def test_a_node_key_is_derived(vector: Vector) -> None:
    key = key_of(vector)
    assert key == NodeKey(bytes.fromhex(vector["node_key"])) == NodeKey.decode(vector["encoded"])
    assert key.seal_key.key_id == SealKey(bytes.fromhex(vector["seal_key"])).key_id == bytes.fromhex(vector["key_id"])
    assert (str(node_of(vector)), key.mqtt_password) == (vector["mqtt_user"], vector["mqtt_password"])


@pytest.mark.parametrize("vector", VECTORS["services"])
def test_a_services_password_is_derived(vector: Vector) -> None:
    assert master_of(vector).service_password(vector["name"]) == vector["password"]


@pytest.mark.parametrize("vector", VECTORS["tokens"]["valid"])
def test_a_token_is_read(vector: Vector) -> None:
    token = JoinToken.decode(vector["token"])
    key, pin = NodeKey.decode(vector["key"]), vector["pin"] or ""
    assert token == JoinToken(vector["url"], node_of(vector), key, vector["ca"], pin)


@pytest.mark.parametrize("text", VECTORS["tokens"]["invalid"])
def test_a_wrong_token_is_refused(text: str) -> None:
    with pytest.raises(TokenError):
        JoinToken.decode(text)


@pytest.mark.parametrize("name", VECTORS["names"]["valid"])
def test_a_name_is_accepted(name: str) -> None:
    assert check_name(name, "node") == name


@pytest.mark.parametrize("name", VECTORS["names"]["invalid"])
def test_a_wrong_name_is_refused(name: str) -> None:
    with pytest.raises(TopicError):
        check_name(name, "node")


@pytest.mark.parametrize("vector", VECTORS["topics"]["valid"])
def test_a_topic_is_read(vector: Vector) -> None:
    assert parse_topic(vector["topic"]) == (node_of(vector), TopicLevel(vector["channel"]))


@pytest.mark.parametrize("topic", VECTORS["topics"]["invalid"])
def test_a_wrong_topic_is_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(topic)


@pytest.mark.parametrize("vector", VECTORS["messages"]["valid"])
def test_a_message_is_accepted(vector: Vector) -> None:
    read(vector["kind"], vector["plain"])


@pytest.mark.parametrize("vector", VECTORS["messages"]["invalid"], ids=lambda vector: vector["why"])
def test_a_wrong_message_is_refused(vector: Vector) -> None:
    with pytest.raises(DecodeError):
        read(vector["kind"], vector["plain"])


@pytest.mark.parametrize("vector", VECTORS["envelopes"]["valid"])
def test_an_envelope_is_opened_and_its_message_accepted(vector: Vector) -> None:
    plain, envelope = vector["plain"].encode(), bytes.fromhex(vector["envelope"])
    seal = seal_of(vector)
    assert seal.open(vector["topic"], envelope) == plain
    assert seal.seal(vector["topic"], plain, nonce=bytes.fromhex(vector["nonce"])) == envelope
    read(parse_topic(vector["topic"])[1], vector["plain"])


@pytest.mark.parametrize("vector", VECTORS["envelopes"]["invalid"], ids=lambda vector: vector["why"])
def test_a_wrong_envelope_is_refused(vector: Vector) -> None:
    with pytest.raises(OpenError):
        seal_of(vector).open(vector["topic"], bytes.fromhex(vector["envelope"]))
