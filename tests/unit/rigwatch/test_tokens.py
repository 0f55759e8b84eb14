"""The join token: what it carries, and that a damaged one is refused without being repeated."""

import base64
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.errors import TokenError
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId

KEY = MasterKey(bytes(32)).node_key(NodeId("main", "rig1"))
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
TOKEN = JoinToken("mqtts://monitor.example:8883", NodeId("main", "rig1"), KEY, CA)
SHORT = JoinToken("mqtts://192.168.178.20:8883", NodeId("main", "rig-7"), KEY, None, "sha256//" + "A" * 42 + "8=")


def encoded(**changes: object) -> str:
    body = {"url": TOKEN.url, "site": "main", "node": "rig1", "key": KEY.encoded, "ca": None, **changes}
    left = {name: value for name, value in body.items() if value is not ...}
    return "rw1." + base64.urlsafe_b64encode(json.dumps(left).encode()).rstrip(b"=").decode()


@given(st.text(max_size=80), st.text(max_size=2000), st.binary(min_size=32, max_size=32))
def test_a_token_is_read_back(url: str, ca: str, key: bytes) -> None:
    token = JoinToken(url, NodeId("farm-a", "rig_7"), NodeKey(key), ca)
    assert JoinToken.decode(token.encode()) == token


def test_a_token_is_one_word_that_begins_with_its_version() -> None:
    text = TOKEN.encode()
    assert text.startswith("rw1.")
    assert text == "".join(text.split())
    body = json.loads(base64.urlsafe_b64decode(text[4:] + "==="))
    assert body == {"url": TOKEN.url, "site": "main", "node": "rig1", "key": KEY.encoded, "ca": CA}


def test_a_token_that_names_its_authority_is_short_and_read_back() -> None:
    text = SHORT.encode()
    assert text.startswith("rw2.")
    assert text == "".join(text.split())
    assert len(text) <= 150
    assert JoinToken.decode(text) == SHORT


@given(
    st.text(st.characters(exclude_characters=" \t\r\n", exclude_categories=["Cs"]), min_size=1, max_size=80),
    st.none() | st.binary(min_size=32, max_size=32).filter(any),
    st.binary(min_size=32, max_size=32),
)
def test_a_short_token_is_read_back_whatever_it_holds(url: str, pin: bytes | None, key: bytes) -> None:
    named = "" if pin is None else f"sha256//{base64.b64encode(pin).decode()}"
    token = JoinToken(url, NodeId("farm-a", "rig_7"), NodeKey(key), None, named)
    assert JoinToken.decode(token.encode()) == token


def short(body: bytes) -> str:
    check = hashlib.sha256(b"rigwatch token" + body).digest()[:4]
    return "rw2." + base64.urlsafe_b64encode(body + check).rstrip(b"=").decode()


def test_a_short_token_of_a_later_server_may_say_more() -> None:
    body = bytes(range(1, 65)) + b"main/rig-7 mqtts://a:8883 mqtts://b:8883 later=1"
    token = JoinToken.decode(short(body))
    assert (token.url, token.node, token.ca) == ("mqtts://a:8883", NodeId("main", "rig-7"), None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        bytes(64),
        bytes(40) + b"main/rig-7 mqtts://a",
        bytes(64) + b"main/rig-7",
        bytes(64) + b"rig-7 mqtts://a",
        bytes(64) + b"main/Rig mqtts://a",
        bytes(64) + b"main/rig \xff",
    ],
)
def test_what_is_no_short_token_is_refused_though_its_check_is_right(body: bytes) -> None:
    with pytest.raises(TokenError, match="cut short or altered"):
        JoinToken.decode(short(body))


def test_a_short_token_with_one_other_letter_is_refused() -> None:
    text = SHORT.encode()
    for at in range(4, len(text)):
        other = "A" if text[at] != "A" else "B"
        with pytest.raises(TokenError) as refusal:
            JoinToken.decode(text[:at] + other + text[at + 1 :])
        assert text[4:] not in str(refusal.value)


@pytest.mark.parametrize("token", [TOKEN, SHORT])
def test_spaces_and_line_breaks_of_a_terminal_do_no_harm(token: JoinToken) -> None:
    text = token.encode()
    broken = " ".join(text[at : at + 40] + "\r\n" for at in range(0, len(text), 40))
    assert JoinToken.decode(broken) == token


def test_a_token_without_ca_trusts_the_system() -> None:
    assert JoinToken.decode(encoded(ca=...)).ca is None
    assert JoinToken.decode(encoded()).ca is None


def test_a_token_of_a_later_server_may_say_more() -> None:
    assert JoinToken.decode(encoded(later={"x": 1})).node == TOKEN.node


@pytest.mark.parametrize("token", [TOKEN, SHORT])
def test_every_truncation_is_refused_with_an_error_that_repeats_none_of_it(token: JoinToken) -> None:
    text = token.encode()
    for length in range(len(text)):
        with pytest.raises(TokenError) as refusal:
            JoinToken.decode(text[:length])
        told = str(refusal.value)
        assert "copy the whole line" in told
        assert length < 8 or text[4:8] not in told


def test_a_token_that_lost_its_beginning_or_middle_is_refused() -> None:
    text = TOKEN.encode()
    for at in range(1, len(text) - 4, 7):
        for damaged in (text[at:], "rw1." + text[4 + at :], text[:at] + text[at + 3 :]):
            with pytest.raises(TokenError):
                JoinToken.decode(damaged)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rw1.",
        "rw2." + encoded()[4:],
        "rw1.!!!!",
        TOKEN.encode() + "=",
        "rw1.ääää",
        encoded(key="c2hvcnQ"),
        encoded(key="not a key"),
        encoded(key=5),
        encoded(node="Rig 1"),
        encoded(site=""),
        encoded(url=...),
        encoded(node=...),
        encoded(ca=5),
        "rw1." + base64.urlsafe_b64encode(b"\xff\xfe{}").decode().rstrip("="),
        "rw1." + base64.urlsafe_b64encode(b'{"url":"\xff"}').decode().rstrip("="),
    ],
)
def test_what_is_no_token_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(TokenError) as refusal:
        JoinToken.decode(text)
    assert text[4:] == "" or text[4:] not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.exit_code == 2


def test_a_token_does_not_show_its_key() -> None:
    assert KEY.encoded not in f"{TOKEN!r} {TOKEN} {SHORT!r}"
