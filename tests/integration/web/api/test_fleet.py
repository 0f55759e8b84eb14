"""The fleet as a whole, as programs ask for it."""

from tests.fake_clock import START
from tests.integration.web.api.conftest import Api
from tests.rigs import report, rig, sample


def test_the_fleet_is_the_sum_of_nodes_that_report_now(api: Api) -> None:
    fleet = api.viewer.get("/api/v1/fleet").get_json()
    assert (fleet["nodes"], fleet["counted"], fleet["hashrate"]) == (3, 2, 1e7)
    assert {status: nodes for status, nodes in fleet["by_status"].items() if nodes} == {"degraded": 2, "lost": 1}
    assert fleet["open_incidents"] == {"info": 0, "warning": 0, "critical": 1}
    assert fleet["subscriber"] == {"running": True, "connected_at": "2025-10-09T07:53:20.000Z", "beat_at": None}


def test_a_subscriber_that_is_gone_is_told_with_its_last_sign_of_life(api: Api) -> None:
    api.clock.move(60)
    fleet = api.viewer.get("/api/v1/fleet").get_json()
    assert fleet["subscriber"] == {
        "running": False,
        "connected_at": "2025-10-09T07:53:20.000Z",
        "beat_at": "2025-10-09T08:53:20.000Z",
    }
    assert (fleet["hashrate"], fleet["by_status"]["unknown"]) == (None, 3)


def test_totals_are_of_whole_minutes_within_the_span(api: Api) -> None:
    query = "from=2025-10-09T08:45:00Z&to=2025-10-09T08:47:00Z"
    totals = api.viewer.get(f"/api/v1/totals?{query}").get_json()
    assert totals == {
        "step_s": 60,
        "totals": [
            {"at": "2025-10-09T08:45:00.000Z", "hashrate": 1.5e7, "nodes": 3.0},
            {"at": "2025-10-09T08:46:00.000Z", "hashrate": 1.5e7, "nodes": 3.0},
        ],
    }
    longer = api.viewer.get("/api/v1/totals?from=2025-10-09T08:40:00Z&step_s=600").get_json()["totals"]
    assert [each["at"] for each in longer] == ["2025-10-09T08:40:00.000Z", "2025-10-09T08:50:00.000Z"]


def test_averages_are_of_the_span_and_in_pages(api: Api) -> None:
    api.store.take([rig("rig1").heard(report(sample(START - 5000, hashrate=16e6, peers=14), sent_at=START), START)])
    first = api.viewer.get("/api/v1/averages?from=2025-10-09T08:10:00Z&limit=2").get_json()
    assert first["from_at"] == "2025-10-09T08:00:00.000Z"
    assert [each["node"] for each in first["averages"]] == ["rig3", "rig1"]
    assert first["averages"][1] == {"site": "main", "node": "rig1", "hashrate": 6e6, "peers": 4.0, "samples": 11}
    second = api.viewer.get(f"/api/v1/averages?limit=2&after={first['next']}").get_json()
    assert ([each["node"] for each in second["averages"]], second["next"]) == (["rig2"], None)
