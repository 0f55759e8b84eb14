"""An independent reader, in another language and from the document alone, agrees with every test vector."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.chains import node
from tests.vectors import PATH

READER = PATH.parent / "read-vectors.mjs"


def run(*arguments: Path) -> "subprocess.CompletedProcess[str]":
    command = [*node(), READER, *arguments]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)


def test_the_reader_agrees_with_every_vector() -> None:
    result = run()
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.endswith(" comparisons, 0 differences\n")


def _last_digit(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def _change(field: str) -> Callable[[list[dict[str, Any]]], None]:
    def change(vectors: list[dict[str, Any]]) -> None:
        vectors[0][field] = _last_digit(vectors[0][field])

    return change


CHANGES: dict[str, tuple[str, Callable[[Any], object]]] = {
    "a master key": ("passphrases", _change("master")),
    "a passphrase": ("passphrases", _change("passphrase")),
    "a node key": ("node_keys", _change("node_key")),
    "a node key's text": ("node_keys", _change("encoded")),
    "a seal key": ("node_keys", _change("seal_key")),
    "a key id": ("node_keys", _change("key_id")),
    "a user name": ("node_keys", _change("mqtt_user")),
    "a password": ("node_keys", _change("mqtt_password")),
    "a generation": ("node_keys", lambda vectors: vectors[0].update(generation=7)),
    "a service's password": ("services", _change("password")),
    "a token": ("tokens", lambda tokens: tokens["valid"][0].update(token=tokens["valid"][1]["token"])),
    "a token's key": ("tokens", lambda tokens: _change("key")(tokens["valid"])),
    "a good token among the bad": ("tokens", lambda tokens: tokens["invalid"].append(tokens["valid"][0]["token"])),
    "a bad name among the good": ("names", lambda names: names["valid"].append("Rig 1")),
    "a good name among the bad": ("names", lambda names: names["invalid"].append("rig1")),
    "a topic": ("topics", lambda topics: topics["valid"][0].update(topic="rigwatch/v1/main/rig1/ack")),
    "a good topic among the bad": ("topics", lambda topics: topics["invalid"].append("rigwatch/v1/main/rig1/ack")),
    "a bad message among the good": ("messages", lambda both: both["valid"].append(both["invalid"][0])),
    "a good message among the bad": ("messages", lambda both: both["invalid"].append(both["valid"][0])),
    "an envelope": ("envelopes", lambda both: _change("envelope")(both["valid"])),
    "a nonce": ("envelopes", lambda both: _change("nonce")(both["valid"])),
    "an envelope's topic": ("envelopes", lambda both: both["valid"][0].update(topic="rigwatch/v1/main/rig2/status")),
    "a plain text": ("envelopes", lambda both: both["valid"][0].update(plain='{"state":"online","session":1}')),
    "a good envelope among the bad": ("envelopes", lambda both: both["invalid"].append(both["valid"][0])),
    "nothing left": ("envelopes", lambda both: both["invalid"].clear()),
}


@pytest.mark.parametrize(("section", "change"), CHANGES.values(), ids=CHANGES)
def test_the_reader_notices_any_change(tmp_path: Path, section: str, change: Callable[[Any], object]) -> None:
    vectors = json.loads(PATH.read_text(encoding="utf-8"))
    change(vectors[section])
    altered = tmp_path / "altered.json"
    altered.write_text(json.dumps(vectors), encoding="utf-8")
    result = run(altered)
    assert result.returncode == 1
    assert "differs: " in result.stderr
