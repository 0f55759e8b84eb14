"""`rigwatch up` beside miners and a chain client on their usual ports, in a network of the test's own; which of
them are real programs, `found_machine` says.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chains import anvil_command
from tests.processes import ROOT, clean_environment
from tests.requirements import program

MACHINE = Path(__file__).with_name("found_machine.py")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can make a network of its own")
def test_up_finds_what_mines_on_this_machine_and_nobody_writes_a_line(tmp_path: Path) -> None:
    anvil_command()
    command = [program("unshare"), "--net", sys.executable, "-m", "tests.e2e.found_machine", str(tmp_path / "home")]
    done = subprocess.run(
        command, env=clean_environment({}), cwd=ROOT, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, sample = done.stdout.rstrip().rpartition("\n")[::2]
    figures = json.loads(sample)
    assert (figures["hashrate"], figures["algorithm"]) == (50287688, "ethash")
    # A real client: a block every second, and each with a hash of its own.
    assert figures["block"] >= 0
    assert len(figures["block_hash"]) == 66
    assert set(figures["algorithms"]) == {"ethash", "rx/0"}
    assert figures["algorithms"]["rx/0"]["hashrate"] == 296.24
    for where, kind in (("4067", "trex"), ("44444", "xmrig"), ("8545", "jsonrpc")):
        assert f"rigwatch: found on port {where}, reads it as '{kind}'" in said
