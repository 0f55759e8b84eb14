"""What Prometheus is told: every figure once, of nodes that report now, in words that promtool accepts."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from store import running
from store.running import Running
from tests.fake_clock import START
from tests.integration.web.api.conftest import Api, opened
from tests.requirements import program

PLACE = str(Path(__file__).parent.parent.parent / "programs" / "promtool")


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    yield from opened(tmp_path)


def scraped(api: Api) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels, in the order of the labels' names."""
    answer = api.viewer.get("/metrics")
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=0.0.4")
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def test_promtool_finds_nothing_to_mend(api: Api) -> None:
    promtool = program("promtool", variable="PROMTOOL", places=(PLACE,))
    text = api.viewer.get("/metrics").data
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, check=False, timeout=60)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, b"", b"")


def test_it_tells_of_each_node_and_of_the_fleet(api: Api) -> None:
    found = scraped(api)
    assert found["rigwatch_node_hashes_per_second", "rig1", "main"] == 5e6
    assert found["rigwatch_node_fan_ratio", "rig1", "main"] == 0.4
    assert found["rigwatch_node_shares_total", "rig1", "accepted", "main"] == 7
    assert found["rigwatch_node_last_report_timestamp_seconds", "rig1", "main"] == (START - 1) / 1000
    assert found["rigwatch_node_failing_sources", "rig1", "main"] == 1
    assert found["rigwatch_node_status", "rig1", "main", "degraded"] == 1
    assert found["rigwatch_nodes", "degraded"] == 2
    assert found["rigwatch_nodes", "online"] == 0
    assert found["rigwatch_hashes_per_second",] == 1e7
    assert found["rigwatch_open_incidents", "critical"] == 1
    assert found["rigwatch_open_incidents", "info"] == 0
    assert found["rigwatch_subscriber_heartbeat_timestamp_seconds",] == START / 1000
    assert found["rigwatch_subscriber_connected",] == 1


def test_it_tells_of_values_that_could_not_be_stored_by_node_and_of_settings_that_are_wrong(api: Api) -> None:
    assert scraped(api)["rigwatch_settings_not_taken_over",] == 0
    known = Running(problem="[alerts] is wrong", unstorable={"rigwatch/v1/main/rig1/report": 2})
    with api.store.read() as tx:
        name = tx.rows("SELECT name FROM heartbeat")[0][0]
    with api.store.write() as tx:
        running.note(tx, name, known)
    found = scraped(api)
    assert found["rigwatch_settings_not_taken_over",] == 1
    assert found["rigwatch_node_messages_unstorable_total", "rig1", "main"] == 2


def test_figures_of_a_lost_node_are_not_told_as_if_they_were_of_now(api: Api) -> None:
    found = scraped(api)
    assert found["rigwatch_node_up", "rig3", "garage"] == 0
    assert found["rigwatch_node_status", "rig3", "garage", "lost"] == 1
    assert ("rigwatch_node_hashes_per_second", "rig3", "garage") not in found
    assert ("rigwatch_node_shares_total", "rig3", "accepted", "garage") not in found


def test_a_scrape_after_a_change_tells_of_it_and_one_without_is_the_same(api: Api) -> None:
    before = scraped(api)
    assert {name: value for name, value in scraped(api).items() if name[0].startswith("rigwatch_")} == {
        name: value for name, value in before.items() if name[0].startswith("rigwatch_")
    }
    api.clock.move(3600)
    after = scraped(api)
    assert after["rigwatch_nodes", "unknown"] == 3
    assert after["rigwatch_node_up", "rig1", "main"] == 0
