"""docs/api.md says what there is, and its examples work."""

import re
import shlex
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from alerts.engine import StepResult
from store import alerts
from tests.integration.web.api.conftest import Api, incident
from tests.rigs import birth, report, rig

PAGE = (Path(__file__).parents[4] / "docs" / "api.md").read_text("utf-8")
EXAMPLES = [line for line in PAGE.splitlines() if line.startswith(("api -", 'api "'))]
SILENCE = {"match": {"site": "*"}, "lasts_s": 60}


@pytest.fixture
def described(api: Api) -> Api:
    """With what the examples speak of: the node main/rig-7, the incident 12 and the silence 3, in November 2026."""
    api.clock.set_wall(1_795_440_000_000)
    api.store.take([rig("rig-7").heard(birth()), rig("rig-7").heard(report())])
    with api.store.write() as tx:
        alerts.save(tx, StepResult(incidents=(incident(12),)), 10)
    for _ in range(3):
        assert api.admin.post("/api/v1/silences", json=SILENCE).status_code == 201
    return api


def run(api: Api, line: str) -> TestResponse:
    """As curl would."""
    _, *words = shlex.split(line)
    method, body = "GET", None
    while words[0].startswith("-") or len(words) > 1:
        word = words.pop(0)
        if word == "-X":
            method = words.pop(0)
        elif word == "--json":
            body = words.pop(0)
        elif not word.startswith("-"):
            words.append(word)
    path = words[0].replace("$url", "/api/v1")
    return api.admin.open(path, method=method, data=body, content_type="application/json" if body else None)


@pytest.mark.parametrize("line", EXAMPLES)
def test_an_example_works(described: Api, line: str) -> None:
    assert run(described, line).status_code in {200, 201}


def test_there_are_examples_of_everything_that_changes() -> None:
    assert len(EXAMPLES) == 7
    assert sum("-X" in line for line in EXAMPLES) == 4


def test_the_page_names_every_operation_and_no_other(api: Api) -> None:
    paths = api.viewer.get("/api/v1/openapi.json").get_json()["paths"]
    operations = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert set(re.findall(r"^\| `(GET|POST|DELETE) (/api/v1/\S+)`", PAGE, re.MULTILINE)) == operations


def test_the_page_names_every_metric(api: Api) -> None:
    families = text_string_to_metric_families(api.viewer.get("/metrics").text)
    names = [each.name for each in families if each.name.startswith("rigwatch_")]
    short = {name.removeprefix("rigwatch_node") for name in names if name.startswith("rigwatch_node_")}
    assert len(short) > 12
    missing = [name for name in names if name not in PAGE and name.removeprefix("rigwatch_node") not in PAGE]
    assert missing == ["rigwatch_build_info"]


def test_the_page_names_every_parameter_that_narrows(api: Api) -> None:
    paths = api.viewer.get("/api/v1/openapi.json").get_json()["paths"]
    common = {"after", "limit"}
    for path, methods in paths.items():
        for each in methods.get("get", {}).get("parameters", ()):
            if each["in"] == "query" and each["name"] not in common:
                assert f"`{each['name']}" in PAGE, f"{path} {each['name']}"
