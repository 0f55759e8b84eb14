from typing import Any

import pytest

from publisher.sources.hashfile import HashfileSource
from publisher.sources.jsonrpc import JsonRpcSource
from publisher.sources.registry import KINDS, build_sources
from publisher.sources.source import Context
from rigwatch.errors import SettingsError
from rigwatch.settings.loader import SettingPlace
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock

PLACE = SettingPlace("publisher.toml").key("nodes[1]")
CONTEXT = Context(NodeId("main", "rig07"), FakeClock())


def test_each_source_has_a_label_of_its_own() -> None:
    raws = [{"kind": "jsonrpc"}, {"kind": "hashfile", "path": "/x"}, {"kind": "jsonrpc", "url": "http://h:1"}]
    built = build_sources(raws, PLACE, CONTEXT)
    assert [label for label, _ in built] == ["jsonrpc", "hashfile", "jsonrpc-2"]
    assert [type(source) for _, source in built] == [JsonRpcSource, HashfileSource, JsonRpcSource]


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ({}, "nodes[1].sources[1].kind: is missing; known kinds: "),
        (
            {"kind": "jsonrcp"},
            "nodes[1].sources[1].kind: no such kind of source (got 'jsonrcp'); did you mean 'jsonrpc'?",
        ),
        ({"kind": 7}, "nodes[1].sources[1].kind: no such kind of source (got 7); known kinds: "),
        ({"kind": "hashfile"}, "nodes[1].sources[1].path: is missing"),
        ({"kind": "hashfile", "pth": "x"}, "nodes[1].sources[1].pth: unknown key; did you mean 'path'?"),
        ({"kind": "jsonrpc", "every": "10"}, "nodes[1].sources[1].every: write a duration as a number and a unit"),
        ({"kind": "jsonrpc", "every": "2h"}, "nodes[1].sources[1].every: should be from 500ms to 1h"),
        ({"kind": "jsonrpc", "url": "localhost:8545"}, "nodes[1].sources[1]: url should look like http://"),
        ({"kind": "jsonrpc", "url": "ftp://me:secret@h"}, "nodes[1].sources[1]: url should look like http://"),
        (
            {"kind": "nvml", "gpu": 0},
            "nodes[1].sources[1]: gpu 0 is an index, and those move when a card drops out; write",
        ),
        ({"kind": "nvml", "gpu": ["1"]}, "nodes[1].sources[1]: gpu 1 is an index"),
        ({"kind": "nvml", "gpu": True}, "nodes[1].sources[1].gpu: expected `int | str | array`"),
        ({"kind": "nvml", "gpus": "x"}, "nodes[1].sources[1].gpus: unknown key; did you mean 'gpu'?"),
        ({"kind": "trex", "url": "127.0.0.1:4067"}, "nodes[1].sources[1]: url should look like http://"),
        ({"kind": "trex", "url": "http://h/summary?x=secret"}, "nodes[1].sources[1]: url should have no '?'"),
        ({"kind": "trex", "token": "secret"}, "nodes[1].sources[1].token: unknown key; known here: algorithm, every"),
        ({"kind": "xmrig", "algorithm": "rx"}, "nodes[1].sources[1].algorithm: unknown key; known here: every"),
        ({"kind": "cgminer", "address": "4028"}, "nodes[1].sources[1]: address should look like 127.0.0.1:4028"),
        ({"kind": "cgminer", "address": "u:secret@h:1"}, "nodes[1].sources[1]: address should look like 127.0.0.1"),
        ({"kind": "ethminer", "address": "h:70000"}, "nodes[1].sources[1]: address should look like 127.0.0.1:4028"),
        ({"kind": "hiveos", "miner": 0}, "nodes[1].sources[1].miner: expected `int` >= 1"),
        ({"kind": "simulated", "seed": "x"}, "nodes[1].sources[1].seed: expected `int`"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(raw: dict[str, Any], text: str) -> None:
    with pytest.raises(SettingsError) as raised:
        build_sources([raw], PLACE, CONTEXT)
    assert str(raised.value).startswith(f"publisher.toml: {text}")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_says_how_often_it_is_read_and_when_it_has_failed(kind: str) -> None:
    figures = {"figures": {"hashrate": "x"}}
    needed: dict[str, dict[str, Any]] = {
        "hashfile": {"path": "/x"},
        "file": {"path": "/x", **figures},
        "exec": {"command": ["/x"], **figures},
        "http": {"url": "http://h", **figures},
        "mqtt": {"topic": "x", **figures},
        "asic": {"address": "192.168.1.50"},
    }
    raw = {"kind": kind, **needed.get(kind, {})}
    ((_, source),) = build_sources([raw], PLACE, CONTEXT)
    assert source.every.total_seconds() > 0
    assert source.timeout.total_seconds() > 0
    assert source.blocking in (True, False)
