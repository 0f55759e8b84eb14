"""`rigwatch sources`: what each source gives now, as a list for scripts and in lines for people."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from rigwatch.settings.writing import append_sources
from tests.integration.publisher.sources.miner_server import miner_server
from tests.miners import captured
from tests.ports import free_port
from tests.processes import Rigwatch
from tests.waiting import eventually

NODE = '[[nodes]]\nnode = "rig07"\nserver = "mqtt://127.0.0.1:1"\npassphrase = "sixteen letters!"\n'


def _named(rigwatch: Rigwatch, *sources: dict[str, str], text: str = NODE) -> Path:
    tables = [
        "[[nodes.sources]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in source.items())
        for source in sources
    ]
    rigwatch.home.mkdir(mode=0o700, exist_ok=True)
    path = rigwatch.home / "publisher.toml"
    path.write_text("\n".join([text, *tables]))
    path.chmod(0o600)
    return path


def test_a_script_gets_each_source_by_node_with_figures_or_the_error_and_needs_no_server(rigwatch: Rigwatch) -> None:
    port = free_port()
    raw = captured("trex-0.25.9.json").replace(b'"power":195,', b'"power":429496736,')
    with miner_server({"/summary": raw}) as server:
        _named(rigwatch, {"kind": "trex", "url": server.url}, {"kind": "trex", "url": f"http://127.0.0.1:{port}"})
        done = rigwatch.run("sources", "--json")
    told: list[dict[str, Any]] = json.loads(done.stdout)
    assert done.returncode == 1
    assert [(each["node"], each["source"]) for each in told] == [("main/rig07", "trex"), ("main/rig07", "trex-2")]
    assert (told[0]["figures"]["hashrate"], told[0]["figures"]["algorithm"]) == (50287688, "ethash")
    assert "power" not in told[0]["figures"]
    assert told[0]["lacks"] == ["gpus[0].power: 4.29497e+08 cannot be"]
    assert told[1]["error"].startswith(f"127.0.0.1:{port}: Connection refused; T-Rex listens there")
    assert "figures" not in told[1]


def test_people_get_a_line_for_each_source(rigwatch: Rigwatch) -> None:
    with miner_server({"/summary": captured("trex-0.25.9-dual.json")}) as server:
        _named(rigwatch, {"kind": "trex", "url": server.url})
        done = rigwatch.run("sources")
    assert done.returncode == 0
    assert "main/rig07\n" in done.stdout
    assert "50.29 MH/s ethash, 60.10 MH/s autolykos2, 12 accepted, 1 rejected" in done.stdout


def test_an_asics_owner_is_not_told_of_options_of_a_program(rigwatch: Rigwatch) -> None:
    port = free_port()
    _named(
        rigwatch,
        {"kind": "cgminer", "address": f"127.0.0.2:{port}"},
        {"kind": "cgminer", "address": f"127.0.0.1:{port}"},
    )
    told = json.loads(rigwatch.run("sources", "--json").stdout)
    assert "is the ASIC on, is this its address" in told[0]["error"]
    assert "--api-listen" not in told[0]["error"]
    assert "--api-listen" in told[1]["error"]


def test_doctor_reads_every_source_once_and_says_what_to_do_about_one_that_fails(rigwatch: Rigwatch) -> None:
    with miner_server({"/summary": captured("trex-0.25.9.json")}) as server:
        url = f"http://127.0.0.1:{free_port()}"
        _named(rigwatch, {"kind": "trex", "url": server.url}, {"kind": "xmrig", "url": url})
        done = rigwatch.run("doctor")
    lines = {line.split()[1]: line for line in done.stdout.splitlines()}
    assert lines["trex"].startswith("ok")
    assert "50.29 MH/s ethash" in lines["trex"]
    assert lines["xmrig"].startswith("failed")
    assert "--http-port=44444" in lines["xmrig"]
    assert done.returncode == 1


@pytest.mark.parametrize("text", [NODE, f"{NODE}\n[outbox]\nsamples = 9\n", NODE.replace("\n", "\r\n")])
def test_what_is_added_belongs_to_the_last_node_and_the_rest_stays(text: str) -> None:
    added = append_sources(text, ['# found\n[[nodes.sources]]\nkind = "trex"', '[[nodes.sources]]\nkind = "xmrig"'])
    assert added is not None
    assert added.startswith(text.rstrip())
    (node,) = tomllib.loads(added)["nodes"]
    assert [source["kind"] for source in node["sources"]] == ["trex", "xmrig"]
    assert append_sources("nodes = []\n", ["[[nodes.sources]]\nkind = 'trex'"]) is None


def test_a_script_pushes_figures_to_the_publisher_that_runs(rigwatch: Rigwatch) -> None:
    listen = f"127.0.0.1:{free_port()}"
    _named(rigwatch, {"kind": "push", "listen": listen})
    refused = rigwatch.run("push", "--hashrate", "61.2MH")
    assert (refused.returncode, "is the publisher running" in refused.stderr) == (1, True)
    publisher = rigwatch.start("publish")
    eventually(
        lambda: rigwatch.run("push", "--hashrate", "61.2MH", "--algorithm", "Etchash").returncode == 0, timeout=30
    )
    told = json.loads(rigwatch.run("sources", "--json").stdout)
    assert told[0]["figures"] == {"hashrate": 61.2e6, "algorithm": "Etchash"}
    wrong = rigwatch.run("push", "--power", "much")
    assert (
        wrong.stderr
        == "rigwatch: push: power: 'much' is no amount of it; write a number and, if need be, a unit (w, kw, mw)\n"
    )
    assert rigwatch.run("push").returncode == 2
    publisher.terminate()


def test_without_a_source_that_takes_it_a_push_is_wrong_settings(rigwatch: Rigwatch) -> None:
    _named(rigwatch, {"kind": "host"})
    done = rigwatch.run("push", "--hashrate", "5")
    assert (done.returncode, "no node has a source of kind push" in done.stderr) == (2, True)
