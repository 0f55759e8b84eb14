"""What programs change: who may, what is stored, and that the audit list says who did it."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from alerts.engine import StepResult
from alerts.silence import Silence
from store import alerts, audit, silences
from store.audit import AuditEntry, AuditFilter
from tests.fake_clock import START
from tests.integration.web.api.conftest import MINUTE, Api, incident
from web.api.operation import Budget

SILENCE: dict[str, Any] = {"match": {"site": "garage", "rule": "lost"}, "lasts_s": 7200, "why": "painting"}


def running(api: Api) -> tuple[Silence, ...]:
    with api.store.read() as tx:
        return silences.running(tx, api.clock.now())


def entries(api: Api) -> list[AuditEntry]:
    with api.store.read() as tx:
        return audit.page(tx, AuditFilter(), 100)


def test_a_silence_is_made_listed_and_ended_with_who_did_it(api: Api) -> None:
    made = api.admin.post("/api/v1/silences", json=SILENCE)
    assert made.status_code == 201
    body = made.get_json()
    assert (body["kind"], body["by"], body["quiet"]) == ("silence", "token:admin", True)
    assert (body["starts_at"], body["ends_at"]) == ("2025-10-09T08:53:20.000Z", "2025-10-09T10:53:20.000Z")
    assert api.viewer.get("/api/v1/silences").get_json()["silences"] == [body]
    (stored,) = running(api)
    assert (str(stored.matcher), stored.why) == ("site=garage rule=lost", "painting")
    api.clock.move(60)
    ended = api.admin.delete(f"/api/v1/silences/{body['number']}").get_json()
    assert (ended["ended_by"], ended["ends_at"], ended["quiet"]) == ("token:admin", "2025-10-09T08:54:20.000Z", False)
    assert running(api) == ()
    assert api.viewer.get("/api/v1/silences?over=true").get_json()["silences"] == [ended]
    assert [(each.who, each.action) for each in entries(api)] == [
        ("token:admin (API)", "silence.end"),
        ("token:admin (API)", "silence.add"),
    ]


def test_maintenance_may_recur_and_begin_later(api: Api) -> None:
    wish = {"kind": "maintenance", "match": {"host": "host1"}, "lasts_s": 600, "every": "day 22:30"}
    body = api.admin.post("/api/v1/silences", json={**wish, "starts_at": "2025-10-10T02:00:00+02:00"}).get_json()
    assert (body["every"], body["lasts_s"], body["starts_at"]) == ("day 22:30", 600, "2025-10-10T00:00:00.000Z")
    assert body["quiet"] is False


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"lasts_s": 60}, "the body: object missing required field match"),
        ({**SILENCE, "colour": "red"}, "the body: object contains unknown field colour"),
        ({**SILENCE, "lasts_s": 0}, "lasts_s: expected int >= 1"),
        ({**SILENCE, "lasts_s": "60"}, "lasts_s: expected int, got str"),
        ({**SILENCE, "match": {}}, "say what it is about"),
        ({**SILENCE, "match": {"rule": "lots"}}, "'rule=lots': known are"),
        ({**SILENCE, "match": {"rig": "x"}}, "match: object contains unknown field rig"),
        ({**SILENCE, "kind": "maintenance"}, "'rule=lost': write KEY=VALUE, with one of these keys: site, host, node"),
        ({**SILENCE, "every": "noon"}, "every: write when it begins as"),
        ({**SILENCE, "starts_at": "2024-01-01T00:00:00Z"}, "begin: 2024-01-01"),
        ([], "the body: expected object, got array"),
    ],
)
def test_a_wish_that_cannot_be_is_refused_in_words_and_changes_nothing(shared: Api, wish: object, words: str) -> None:
    answer = shared.admin.post("/api/v1/silences", json=wish)
    assert answer.status_code == 400
    assert answer.get_json()["detail"].startswith(words)
    assert (running(shared), entries(shared)) == ((), [])


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"match=site", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
        (b" " * 2_000_000, "application/json", 413),
    ],
)
def test_a_body_that_is_none_is_refused(shared: Api, body: bytes, kind: str, status: int) -> None:
    answer = shared.admin.post("/api/v1/silences", data=body, content_type=kind)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.get_json()["status"] == status


def test_what_is_over_or_never_was_cannot_be_ended(api: Api) -> None:
    assert api.admin.delete("/api/v1/silences/99").status_code == 404
    number = api.admin.post("/api/v1/silences", json=SILENCE).get_json()["number"]
    assert api.admin.delete(f"/api/v1/silences/{number}").status_code == 200
    assert api.admin.delete(f"/api/v1/silences/{number}").status_code == 404


def test_an_incident_is_acknowledged_once(api: Api) -> None:
    told = api.admin.post("/api/v1/incidents/1/acknowledge", json={"why": "on my way"}).get_json()
    assert told["incident"]["acknowledged"] == {
        "at": "2025-10-09T08:53:20.000Z",
        "by": "token:admin",
        "why": "on my way",
    }
    again = api.admin.post("/api/v1/incidents/1/acknowledge", json={})
    assert (again.status_code, again.get_json()["detail"]) == (
        409,
        "Incident 1 is over, or was acknowledged already.",
    )
    assert api.admin.post("/api/v1/incidents/7/acknowledge", json={}).status_code == 404
    assert [(each.action, each.subject) for each in entries(api)] == [("incident.acknowledge", "#1")]


def test_an_incident_tells_its_story(shared: Api) -> None:
    told = shared.viewer.get("/api/v1/incidents/1").get_json()
    assert told["incident"]["title"] == "lost"
    assert (told["incident"]["scope"], told["incident"]["site"], told["incident"]["name"]) == ("node", "garage", "rig3")
    assert [each["what"] for each in told["story"]] == ["noticed", "firing"]
    assert told["messages"] == []


def test_pages_of_incidents_hold_each_once_newest_first(api: Api) -> None:
    more = tuple(incident(number, START + number * MINUTE) for number in range(2, 6))
    with api.store.write() as tx:
        alerts.save(tx, StepResult(incidents=more), 10)
    seen, after = [], ""
    while True:
        page = api.viewer.get(f"/api/v1/incidents?limit=2{after}").get_json()
        seen += [each["number"] for each in page["incidents"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert seen == [5, 4, 3, 2, 1]
    assert api.viewer.get("/api/v1/incidents?part=past").get_json()["incidents"] == []
    assert api.viewer.get("/api/v1/incidents?site=main").get_json()["incidents"] == []


def test_a_viewer_changes_nothing(shared: Api) -> None:
    refused = [
        shared.viewer.post("/api/v1/silences", json=SILENCE),
        shared.viewer.delete("/api/v1/silences/1"),
        shared.viewer.post("/api/v1/incidents/1/acknowledge", json={}),
    ]
    assert [each.status_code for each in refused] == [403, 403, 403]
    assert {each.content_type for each in refused} == {"application/problem+json"}
    assert (running(shared), entries(shared)) == ((), [])


def test_other_methods_are_refused_and_named(shared: Api) -> None:
    answer = shared.admin.put("/api/v1/silences", json=SILENCE)
    assert answer.status_code == 405
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}
    assert "Allow names" in answer.get_json()["detail"]


def test_who_asks_too_much_is_asked_to_wait_and_others_are_not(api: Api) -> None:
    def spend(client: FlaskClient) -> list[int]:
        return [client.delete("/api/v1/silences/99").status_code for _ in range(Budget.CHANGE.value + 1)]

    assert spend(api.admin)[-2:] == [404, 429]
    refused = api.admin.delete("/api/v1/silences/99")
    assert 0 < int(refused.headers["Retry-After"]) <= 120
    assert "changes in a minute" in refused.get_json()["detail"]
    # Reading has a budget of its own, and so has everybody else.
    assert api.admin.get("/api/v1/silences").status_code == 200
    assert api.viewer.get("/api/v1/silences").status_code == 200
