"""`rigwatch discover` and the ASICs that it finds, in a network of the test's own."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, clean_environment
from tests.requirements import program


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can make a network of its own")
@pytest.mark.skipif(importlib.util.find_spec("pyasic_rs") is None, reason="pyasic-rs has no wheel for this system")
def test_asics_are_found_become_nodes_and_are_known_again_at_another_address(tmp_path: Path) -> None:
    command = [program("unshare"), "--net", sys.executable, "-m", "tests.e2e.asic_network", str(tmp_path / "home")]
    done = subprocess.run(
        command, env=clean_environment({}), cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert [(each["address"], each["make"], each["model"], each["mac"]) for each in told["found"]] == [
        ("127.0.0.2", "Bitaxe", "Gamma", "02:00:00:00:00:02"),
        ("127.0.0.3", "Bitaxe", "Gamma", "02:00:00:00:00:03"),
    ]
    assert told["added"] == ["main/bitaxe-gamma-0002", "main/bitaxe-gamma-0003"]
    assert told["again"] == [], "what is there is not added twice"
    first, second = told["read"]
    assert (first["node"], first["source"]) == ("main/bitaxe-gamma-0002", "asic")
    assert first["figures"]["hashrate"] == pytest.approx(1150.5e9)
    assert first["figures"]["power"] == 17.2
    assert first["figures"]["algorithm"] == "sha256d"
    assert [board["id"] for board in first["figures"]["gpus"]] == ["board-0"]
    assert second["figures"]["accepted"] == 348
    # The second one was moved to another address, and the first unplugged.
    unplugged, moved = told["later"]
    assert "no ASIC that is known answers" in unplugged["error"]
    assert moved["figures"]["hashrate"] == pytest.approx(1150.5e9)
