"""Keys: what is derived from what, and that none of it is ever shown."""

import base64
import hashlib
import hmac
import os
import stat
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.keys import PASSPHRASE_MIN, MasterKey, NodeKey, decode_key, derive, encode_key
from rigwatch.topics import NodeId

RAW = bytes(range(100, 132))
MASTER = MasterKey(RAW)
NODE = NodeId("main", "rig1")
PASSPHRASE = "correct horse battery"


def hkdf(key: bytes, info: str) -> bytes:
    """RFC 5869 in its own words, for one block."""
    pseudorandom = hmac.digest(b"rigwatch/v1", key, "sha256")
    return hmac.digest(pseudorandom, info.encode() + b"\x01", "sha256")


@given(st.binary(min_size=32, max_size=32), st.text(max_size=50))
def test_derive_is_hkdf_sha256_with_the_salt_of_the_project(key: bytes, info: str) -> None:
    assert derive(key, info) == hkdf(key, info)


def test_a_node_key_and_what_follows_from_it_are_those_of_the_protocol() -> None:
    node_key = hkdf(RAW, "node/main/rig1/3")
    seal_key = hkdf(node_key, "seal")
    key = MASTER.node_key(NODE, 3)
    assert decode_key(key.encoded) == node_key
    assert decode_key(key.mqtt_password) == hkdf(node_key, "mqtt")
    assert key.seal_key.key_id == hashlib.sha256(b"rigwatch key id" + seal_key).digest()[:4]
    assert decode_key(MASTER.service_password("watch")) == hkdf(RAW, "service/watch")


def test_a_node_begins_with_generation_zero() -> None:
    assert MASTER.node_key(NODE) == MASTER.node_key(NODE, 0)


def test_every_node_site_generation_and_master_has_a_key_of_its_own() -> None:
    keys = {
        MASTER.node_key(NODE).encoded,
        MASTER.node_key(NODE, 1).encoded,
        MASTER.node_key(NodeId("main", "rig2")).encoded,
        MASTER.node_key(NodeId("rig1", "main")).encoded,
        MasterKey(bytes(32)).node_key(NODE).encoded,
    }
    assert len(keys) == 5


def test_services_have_passwords_of_their_own() -> None:
    assert MASTER.service_password("subscriber") != MASTER.service_password("watch")


def test_a_node_key_is_read_back_from_its_text() -> None:
    key = MASTER.node_key(NODE)
    again = NodeKey.decode(key.encoded)
    assert again == key
    assert hash(again) == hash(key)
    assert again.mqtt_password == key.mqtt_password
    assert key != MASTER.node_key(NODE, 1)
    assert key != key.encoded


@given(st.binary(min_size=32, max_size=32))
def test_a_key_is_43_characters_that_fit_a_url(key: bytes) -> None:
    text = encode_key(key)
    assert len(text) == 43
    assert set(text) <= set(string.ascii_letters + string.digits + "-_")
    assert decode_key(text) == key


GOOD = encode_key(b"\xfb\xff" + bytes(30))


@pytest.mark.parametrize(
    "text",
    [
        *(GOOD[:length] for length in range(43)),
        GOOD + "A",
        GOOD + "=",
        " " + GOOD,
        GOOD + "\n",
        GOOD.replace("-", "+"),
        GOOD.replace("_", "/"),
        GOOD[:-1] + "B",
        "ä" * 43,
        "!" * 43,
    ],
)
def test_a_text_that_is_not_exactly_a_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match=r"bytes instead of 32|not base64url") as refusal:
        decode_key(text)
    assert len(text) < 4 or text not in str(refusal.value)


@given(st.text(max_size=60))
def test_any_text_is_a_key_or_refused(text: str) -> None:
    try:
        key = decode_key(text)
    except ValueError:
        return
    assert encode_key(key) == text


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_key_of_another_length_is_a_mistake_of_the_caller(length: int) -> None:
    for kind in (MasterKey, NodeKey):
        with pytest.raises(ValueError, match="32 bytes"):
            kind(bytes(length))


def test_a_passphrase_is_stretched_by_scrypt() -> None:
    stretched = hashlib.scrypt(PASSPHRASE.encode(), salt=b"rigwatch/v1", n=32768, r=8, p=1, dklen=32, maxmem=2**26)
    assert MasterKey.from_passphrase(PASSPHRASE).node_key(NODE) == MasterKey(stretched).node_key(NODE)


def test_a_short_passphrase_is_refused_with_its_length_but_not_repeated() -> None:
    assert PASSPHRASE_MIN == 16
    MasterKey.from_passphrase("x" * 16)
    with pytest.raises(SettingsError, match="15 characters; at least 16") as refusal:
        MasterKey.from_passphrase("secret-secret-s")
    assert "secret" not in str(refusal.value)


def test_a_saved_master_key_is_private_and_read_back(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    master = MasterKey.random()
    master.save(path)
    assert MasterKey.load(path).node_key(NODE) == master.node_key(NODE)
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_random_master_keys_differ() -> None:
    assert MasterKey.random().node_key(NODE) != MasterKey.random().node_key(NODE)


def test_a_missing_key_file_tells_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    with pytest.raises(RigwatchError, match="not there; run 'rigwatch init'") as refusal:
        MasterKey.load(path)
    assert str(refusal.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [b"", b"short-secret", encode_key(RAW)[:40].encode(), b"\xff\xfe\x00", b"{}"])
def test_a_damaged_key_file_is_one_clear_line_that_repeats_none_of_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "secret.key"
    path.write_bytes(content)
    with pytest.raises(RigwatchError) as refusal:
        MasterKey.load(path)
    text = str(refusal.value)
    assert text.startswith(f"{path}: ")
    assert "\n" not in text
    assert not content or content.decode("latin-1") not in text


def test_a_directory_in_place_of_the_key_file_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(RigwatchError, match="cannot be read as a key"):
        MasterKey.load(tmp_path)


def test_nothing_of_a_key_is_shown() -> None:
    key = MASTER.node_key(NODE)
    shown = " ".join(
        [repr(MASTER), str(MASTER), f"{MASTER}", repr(key), str(key), f"{key}", repr([key]), repr({1: MASTER})]
    )
    for secret in (RAW, decode_key(key.encoded), decode_key(key.mqtt_password)):
        assert secret.hex() not in shown
        assert encode_key(secret) not in shown
        assert base64.b64encode(secret).decode() not in shown
        assert repr(secret)[2:-1] not in shown
