"""The OpenAPI file and the app agree: every operation is described, every answer is as described."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from tests.integration.web.api.conftest import Api

# What there is of each in the store, so that not every guess is a 404.
_NAMES = {"path.site": "main", "path.node": "rig1", "path.number": 1}
# That guessing gets nobody in is shown for every route in test_access.py.
_ELSEWHERE = [checks.ignored_auth]
# Each value may be right and yet not fit the others: a span that ends before it begins, a start that is past.
_JUDGED_TOGETHER = re.compile(r"series|samples|totals|averages|add_silence")

SILENCE: Any = {"match": {"site": "main"}, "lasts_s": 60, "why": "work"}


@pytest.fixture(scope="module")
def document(shared: Api) -> dict[str, Any]:
    described: dict[str, Any] = shared.viewer.get("/api/v1/openapi.json").get_json()
    return described


def described(api: Api, document: dict[str, Any]) -> BaseSchema:
    config = schemathesis.Config.from_dict({"parameters": _NAMES})
    # Without its logins: half of the guesses would be wrong ones.
    loaded = schemathesis.openapi.from_dict({**document, "security": []}, config=config)
    loaded.validate()
    loaded.app = api.app
    return loaded


@pytest.fixture(scope="module")
def schema(shared: Api, document: dict[str, Any]) -> BaseSchema:
    """Of one in which there is something of everything, and which nobody changes."""
    assert shared.admin.post("/api/v1/silences", json=SILENCE).status_code == 201
    return described(shared, document)


@pytest.fixture
def changed(api: Api, document: dict[str, Any]) -> BaseSchema:
    """Of an API of its own, for who changes what others read."""
    return described(api, document)


def test_every_route_is_described_and_every_description_is_a_route(shared: Api, document: dict[str, Any]) -> None:
    routes = {
        (re.sub(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in shared.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.rule.startswith("/api/") and rule.endpoint != "api.openapi"
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert routes == described
    assert len(routes) > 10


def test_every_default_that_is_described_is_taken_when_it_is_sent(shared: Api, document: dict[str, Any]) -> None:
    """Generated clients send them all."""
    asked = 0
    for template, methods in document["paths"].items():
        sent = {each["name"]: each["schema"]["default"] for each in _queries(methods) if "default" in each["schema"]}
        written = {name: str(value).lower() if isinstance(value, bool) else value for name, value in sent.items()}
        path = re.sub(r"{(\w+)}", lambda found: str(_NAMES[f"path.{found[1]}"]), template)
        asked += len(written)
        if "get" in methods:
            answer = shared.viewer.get(path, query_string=written)
            assert answer.status_code == 200, (path, written, answer.text)
    assert asked >= 8


def _queries(methods: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in methods.get("get", {}).get("parameters", ()) if each["in"] == "query"]


def headers_of(api: Api) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.token}", "Accept-Encoding": "identity"}


def test_changes_are_as_described(changed: BaseSchema, api: Api) -> None:
    headers = headers_of(api)
    made = changed["/api/v1/silences"]["POST"].Case(body=SILENCE, media_type="application/json")
    assert made.call_and_validate(headers=headers, excluded_checks=_ELSEWHERE).status_code == 201
    path = "/api/v1/incidents/{number}/acknowledge"
    known = changed[path]["POST"].Case(path_parameters={"number": 1}, body={}, media_type="application/json")
    assert known.call_and_validate(headers=headers, excluded_checks=_ELSEWHERE).status_code in {200, 409}


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/api/v1/nodes", {"status": "lost", "limit": 1}),
        ("/api/v1/nodes/{site}/{node}", {}),
        ("/api/v1/nodes/{site}/{node}/series", {"points": 10}),
        ("/api/v1/nodes/{site}/{node}/samples", {"limit": 3}),
        ("/api/v1/nodes/{site}/{node}/samples.csv", {}),
        ("/api/v1/fleet", {}),
        ("/api/v1/totals", {"step_s": 120}),
        ("/api/v1/averages", {"limit": 1}),
        ("/api/v1/incidents", {"part": "open"}),
        ("/api/v1/incidents/{number}", {}),
        ("/api/v1/silences", {"over": "false"}),
    ],
)
def test_what_is_there_is_as_described(schema: BaseSchema, shared: Api, path: str, query: dict[str, Any]) -> None:
    case = schema[path]["GET"].Case(path_parameters=_some(path), query=query)
    answer = case.call_and_validate(headers=headers_of(shared), excluded_checks=_ELSEWHERE)
    assert answer.status_code == 200
    assert len(answer.content) > 50


def test_whatever_is_asked_the_answer_is_as_described(changed: BaseSchema, api: Api) -> None:
    for found in changed.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        excluded = [*_ELSEWHERE]
        if _JUDGED_TOGETHER.search(operation.definition.raw["operationId"]):
            excluded.append(checks.positive_data_acceptance)
        for mode in _modes(operation.definition.raw):
            _ask(operation, mode, excluded, headers_of(api))


def _modes(described: dict[str, Any]) -> Iterator[GenerationMode]:
    yield GenerationMode.POSITIVE
    places = {each["in"] for each in described.get("parameters", ())}
    # What there is to be wrong in the path is known here: see _NAMES.
    if "query" in places or "requestBody" in described:
        yield GenerationMode.NEGATIVE


def _ask(
    operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, excluded: list[Any], headers: dict[str, str]
) -> None:
    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=12,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Case[Any]) -> None:
        case.validate_response(case.call(headers=headers), excluded_checks=excluded)

    ask()


def _some(path: str) -> dict[str, Any]:
    known = {name.partition(".")[2]: value for name, value in _NAMES.items()}
    return {name: known[name] for name in re.findall(r"{(\w+)}", path)}
