"""Nodes, their histories and their samples, as programs ask for them."""

import csv
import io

import pytest
from msgspec.structs import replace
from werkzeug.test import TestResponse

from rigwatch.lines import COLUMNS
from store import nodes
from tests.fake_clock import START
from tests.integration.web.api.conftest import MINUTE, Api
from tests.rigs import birth, report, rig, sample


def names(answer: TestResponse) -> list[str]:
    return [f"{each['site']}/{each['node']}" for each in answer.get_json()["nodes"]]


def test_pages_of_nodes_hold_each_once_and_in_order(shared: Api) -> None:
    seen, after = [], ""
    for _ in range(4):
        answer = shared.viewer.get(f"/api/v1/nodes?limit=1{after}")
        seen += names(answer)
        following = answer.get_json()["next"]
        if following is None:
            break
        after = f"&after={following}"
    assert seen == ["garage/rig3", "main/rig1", "main/rig2"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("site=garage", ["garage/rig3"]),
        ("status=lost", ["garage/rig3"]),
        ("status=degraded&limit=1", ["main/rig1"]),
        ("host=host1", ["garage/rig3", "main/rig1", "main/rig2"]),
        ("host=host", []),
        ("tag=hot", ["main/rig2"]),
        ("q=RIG2", ["main/rig2"]),
        ("site=main&status=lost", []),
    ],
)
def test_nodes_are_narrowed_by_everything_that_is_given(api: Api, query: str, found: list[str]) -> None:
    tagged = replace(birth(2, host="host1"), tags=("hot",))
    api.store.take([rig("rig2").heard(tagged, START)])
    assert names(api.viewer.get(f"/api/v1/nodes?{query}")) == found


def test_a_node_has_its_latest_figures_and_times_that_programs_read(shared: Api) -> None:
    node = shared.viewer.get("/api/v1/nodes/main/rig1").get_json()
    assert (node["status"], node["counted"], node["blocks_behind"]) == ("degraded", True, 0)
    assert node["last_report_at"] == "2025-10-09T08:53:19.999Z"
    assert node["latest"]["hashrate"] == 5e6
    assert node["latest"]["stale"] is None
    assert [card["temperature"] for card in node["latest"]["gpus"]] == [61.5, 61.5]


def test_a_node_is_called_what_the_dashboard_calls_it(api: Api) -> None:
    def name() -> str:
        return str(api.viewer.get("/api/v1/nodes/main/rig1").get_json()["name"])

    assert name() == "rig1"
    api.store.take([rig("rig1").heard(birth(2, host="host1", name="By itself"), START)])
    assert name() == "By itself"
    with api.store.write() as tx:
        nodes.rename(tx, rig("rig1").id, "Blue")
    assert name() == "Blue"


@pytest.mark.parametrize("path", ["/api/v1/nodes", "/api/v1/nodes/main/rig1", "/api/v1/fleet"])
def test_nothing_is_sent_twice_until_it_changes(api: Api, path: str) -> None:
    first = api.viewer.get(path)
    known = {"If-None-Match": first.headers["ETag"]}
    assert api.viewer.get(path, headers=known).status_code == 304
    at = START + MINUTE
    api.store.take([rig("rig1").heard(report(sample(at, hashrate=6e6), sent_at=at), at)])
    again = api.viewer.get(path, headers=known)
    assert again.status_code == 200
    assert again.headers["ETag"] != first.headers["ETag"]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nodes?colour=red", "colour: there is no such parameter here; there is site, host, status"),
        ("fleet?x=1", "x: there is no such parameter here; there is none"),
        ("nodes?limit=0", "limit: expected int >= 1"),
        ("nodes?limit=ten", "limit: should be a whole number"),
        ("nodes?limit=1&limit=2", "limit: is given twice"),
        ("nodes?status=fine", "status: should be one of pending, online"),
        ("nodes?site=Main", "site: expected str matching regex"),
        ("nodes?after=main", "after: expected str matching regex"),
        ("nodes/main/rig1/series?from=yesterday", "from: should be a moment such as"),
        ("nodes/main/rig1/series?from=2025-10-09T08:00:00", "from: should be a moment such as"),
        ("nodes/main/rig1/series?from=2025-13-09T08:00:00Z", "from: invalid RFC3339 encoded datetime"),
        ("nodes/main/rig1/series?from=2030-01-01T00:00:00Z", "from: should be earlier than to"),
        ("nodes/main/rig1/series?step_s=1", "step_s: would make more than 2000 points; at least 44"),
        ("totals?from=2024-10-09T08:00:00Z", "step_s: would make more than 1440 totals"),
        ("silences?over=yes", "over: should be true or false"),
        ("incidents?host=a%00b", "host: expected str matching regex"),
        ("incidents?after=12", "after: expected str matching regex"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(shared: Api, path: str, words: str) -> None:
    answer = shared.viewer.get(f"/api/v1/{path}")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert answer.get_json()["detail"].startswith(words)


@pytest.mark.parametrize("path", ["", "/series", "/samples", "/samples.csv"])
def test_a_node_that_is_not_there_is_not_found(shared: Api, path: str) -> None:
    for name in ("rig9", "RIG1", "rig1%20"):
        answer = shared.viewer.get(f"/api/v1/nodes/main/{name}{path}")
        assert (answer.status_code, answer.content_type) == (404, "application/problem+json")


def test_a_series_is_of_the_span_and_step_that_were_asked_for(shared: Api) -> None:
    query = "from=2025-10-09T08:43:00Z&to=2025-10-09T08:48:00Z&step_s=120"
    series = shared.viewer.get(f"/api/v1/nodes/main/rig1/series?{query}").get_json()
    assert (series["from_at"], series["to_at"]) == ("2025-10-09T08:43:00.000Z", "2025-10-09T08:48:00.000Z")
    assert series["step_s"] == 120
    # Samples at 8:43:20, 8:44:20 and so on.
    assert [point["samples"] for point in series["points"]] == [1, 2, 2]
    assert {point["hashrate"] for point in series["points"]} == {5e6}


def test_a_series_of_a_year_is_short(shared: Api) -> None:
    series = shared.viewer.get("/api/v1/nodes/main/rig1/series?from=2024-10-09T08:00:00Z&points=100").get_json()
    assert series["step_s"] % 3600 == 0
    assert sum(point["samples"] for point in series["points"]) == 10
    assert len(series["points"]) <= 101


def test_pages_of_samples_hold_each_once_within_the_span(shared: Api) -> None:
    span = "from=2025-10-09T08:45:00Z&to=2025-10-09T08:50:00Z&limit=2"
    seen, after = [], ""
    while True:
        page = shared.viewer.get(f"/api/v1/nodes/main/rig1/samples?{span}{after}").get_json()
        seen += [each["at"] for each in page["samples"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [f"2025-10-09T08:{minute}:20.000Z" for minute in range(45, 50)]


def test_a_download_is_a_csv_file_of_the_span_without_formulas(shared: Api) -> None:
    answer = shared.viewer.get("/api/v1/nodes/main/rig1/samples.csv?from=2025-10-09T08:45:00Z&to=2025-10-09T08:47:00Z")
    assert answer.headers["Content-Disposition"] == ('attachment; filename="main-rig1-20251009T0845-20251009T0847.csv"')
    assert answer.content_type == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert tuple(rows[0]) == COLUMNS
    assert [row["time"] for row in rows] == ["2025-10-09T08:45:20.000Z", "2025-10-09T08:46:20.000Z"]
    every = list(csv.DictReader(io.StringIO(shared.viewer.get("/api/v1/nodes/main/rig1/samples.csv").text)))
    assert len(every) == 10
    assert (every[0]["miner"], every[0]["pool"]) == ("'=cmd 1.0", "'@pool")


def test_two_downloads_run_at_once_and_a_third_is_asked_to_wait(api: Api) -> None:
    path = "/api/v1/nodes/main/rig1/samples.csv"
    running = [api.viewer.get(path, buffered=False) for _ in range(2)]
    refused = api.viewer.get(path)
    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "5")
    # One is read to its end, of the other the reader goes away.
    assert running[0].data
    running[1].close()
    assert api.viewer.get(path).status_code == 200
    assert api.viewer.head(path).status_code == 200
    assert api.viewer.get(path).status_code == 200
