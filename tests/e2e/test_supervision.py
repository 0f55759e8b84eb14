import signal

import psutil
import pytest

from tests.e2e.rigs import node_toml
from tests.e2e.station import PARTS, START_S, Station, parts_of, reading
from tests.processes import Program
from tests.waiting import eventually


def _state_in_store(station: Station, node: str) -> tuple[str, str]:
    with reading(station.home / "rigwatch.db") as store:
        site, name = node.split("/")
        found: tuple[str, str] = store.execute(
            "SELECT state, reason FROM node WHERE site = ? AND node = ?", (site, name)
        ).fetchone()
    return found


def _own_node(up: Program) -> str:
    """The node that `up` publishes for its machine, once it is there."""
    return up.wait_for(r"node is online node=(\S+)", timeout=START_S).group(1)


def _assert_gone(processes: list[psutil.Process]) -> None:
    _, alive = psutil.wait_procs(processes, timeout=START_S)
    assert alive == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_up_stops_its_parts_in_order_and_its_node_is_offline_not_lost(station: Station, number: signal.Signals) -> None:
    up = station.up()
    node = _own_node(up)
    station.wait_for_status(node, "online")
    parts = list(parts_of(up).values())
    assert len(parts) == len(PARTS)

    up.process.send_signal(number)
    assert up.wait(timeout=START_S) == 0
    assert not [part for part in parts if part.is_running()]
    assert _state_in_store(station, node) == ("offline", "stopped")
    assert "warning" not in up.text()
    assert "error" not in up.text()


def test_no_part_outlives_a_killed_supervisor_and_the_home_is_free_for_the_next(station: Station) -> None:
    up = station.up()
    parts = list(parts_of(up).values())
    up.kill()
    _assert_gone(parts)
    assert "Traceback" not in up.text()

    station.up()
    assert eventually(lambda: station.page().text, timeout=START_S)


def test_a_part_that_dies_again_is_started_again_later_each_time(station: Station) -> None:
    up = station.up()
    for delay in ("0.5", "1", "2"):
        killed = parts_of(up)["web"]
        killed.kill()
        up.wait_for(rf"part ended, starts again part=web exit=-9 in={delay}s", timeout=START_S)
        eventually(lambda: "web" in parts_of(up), timeout=START_S, what="the dashboard is back")
    assert eventually(lambda: station.page().text, timeout=START_S)


def test_a_second_supervisor_of_a_home_is_one_clear_line_and_leaves_the_first_alone(station: Station) -> None:
    up = station.up()
    _own_node(up)
    parts = {name: part.pid for name, part in parts_of(up).items()}
    before = up.text()
    for command in ("up", "serve"):
        second = station.rigwatch.run(command)
        assert second.returncode == 1
        assert second.stdout == ""
        assert second.stderr == (
            f"rigwatch: home {station.home}: 'rigwatch up' or 'rigwatch serve' runs here already;"
            " stop it first, or use another --home\n"
        )
    assert {name: part.pid for name, part in parts_of(up).items()} == parts
    assert up.text() == before


def test_up_ends_and_leaves_nothing_when_a_part_says_no_at_its_first_start(station: Station) -> None:
    (station.home / "publisher.toml").write_text(node_toml("rw1.cut-short"))
    up = station.rigwatch.start("up")
    assert up.wait(timeout=START_S) == 2
    assert "join token: cut short or altered" in up.text()
    assert "publish could not start, see its line above" in up.text()
    assert "Traceback" not in up.text()
    assert not [child for child in psutil.process_iter(["cmdline"]) if str(station.home) in str(child.info["cmdline"])]
