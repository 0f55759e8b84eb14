"""A rig without a battery for its clock measures in 1970, until the network tells it the time."""

import time
from contextlib import closing
from pathlib import Path

import pytest

from rigwatch.home import Home
from rigwatch.topics import NodeId
from store import open_store
from tests.commands import free_addresses
from tests.processes import ROOT, Rigwatch
from tests.waiting import eventually

NODE = NodeId("main", "rig-7")
# Wall clocks cannot be set for one process alone, so the publisher's Python is told another time.
OTHER_CLOCK = """
import pathlib, time
_now, _behind = time.time_ns, pathlib.Path({file!r})
time.time_ns = lambda: _now() - int(_behind.read_text())
"""


def set_clock(file: Path, behind: int) -> None:
    fresh = file.with_suffix(".new")
    fresh.write_text(str(behind))
    fresh.replace(file)


@pytest.mark.parametrize("restarted", [False, True])
def test_what_it_measured_before_is_stored_at_its_time(tmp_path: Path, *, restarted: bool) -> None:
    began = time.time_ns() // 1_000_000
    server = Rigwatch(tmp_path, tmp_path / "home", {**free_addresses(), "RIGWATCH_BROKER__PORT": "0"})
    clock = tmp_path / "behind"
    set_clock(clock, time.time_ns() - 30 * 10**9)
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "sitecustomize.py").write_text(OTHER_CLOCK.format(file=str(clock)))
    rig = Rigwatch(tmp_path, tmp_path / "rig", {"PYTHONPATH": f"{tmp_path / 'python'}:{ROOT}"})
    try:
        assert server.run("init").returncode == 0
        token = server.run("enroll", "rig-7").stdout.strip()
        rig.home.mkdir(mode=0o700)
        (rig.home / "publisher.toml").write_text(f'[[nodes]]\ntoken = "{token}"\ninterval = "1s"\n')
        publisher = rig.start("publish")
        publisher.wait_for("this machine's clock says 1970-01-01")
        outbox = rig.home / "outbox" / "main.rig-7.db"
        eventually(outbox.exists, timeout=20)
        measured = time.monotonic()
        eventually(lambda: time.monotonic() - measured > 4, timeout=20, what="some samples were taken")
        if restarted:
            publisher.kill()
            rig.start("publish").wait_for("publisher starts")
        set_clock(clock, 0)
        set_right = time.time_ns() // 1_000_000
        server.start("serve").wait_for("broker ready")
        stored = eventually(
            lambda: early(server.home, set_right), timeout=60, what="what was measured before is stored"
        )
        assert min(stored) >= began
        assert len(stored) >= 3
        assert stored == sorted(stored)
    finally:
        for each in (*rig.started, *server.started):
            each.end()


def early(home: Path, before: int) -> list[int]:
    """When the samples were taken of before the clock was set; empty until the outbox is empty of them."""
    with closing(open_store("sqlite:///rigwatch.db", Home(home))) as store:
        times = [each.at for part in store.history(NODE) for each in part]
    assert not [at for at in times if at < 10**12], "dated 1970"
    return [at for at in times if at < before] if len(times) > 5 else []
