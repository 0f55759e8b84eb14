"""Users of given sites: every route there is says how it keeps to them, and shows and changes nothing of another."""

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.engine import StepResult
from alerts.facts import User, UserRole
from alerts.incident import Incident, IncidentState, Scope, Subject
from alerts.rule import Rule, Severity
from alerts.silence import SilenceKind
from alerts.silence_request import SilenceRequest
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.topics import NodeId
from store import Store, acts, alerts, reader, silences, tokens, users
from store.acts import Actor, Way
from store.tokens import TokenKind
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, basic
from tests.integration.web.logging_in import BROWSER
from tests.integration.web.routes import Try, every
from tests.integration.web.test_every_route import ADDRESSES, contents
from tests.rigs import Rig, birth, report, rig, sample
from web.access.csrf import HEADER, token_for
from web.access.reach import KIOSK, LINKED, REACH, Reach

HERE, THERE = "main", "zzhidden"
OURS, THEIRS = "rig1", "qqrig9"
ZONE = ZoneInfo("UTC")


def of(site: str, node: str) -> Rig:
    return rig(node, site=site)


@pytest.fixture
def two_sites(app: Flask, store: Store, home: Home) -> Flask:
    """A node, an incident and a silence at each site, a group over both; cat is admin of one, dan looks at it."""
    MasterKey.random().save(home.secret_key)
    registry = Registry(home.nodes_json)
    incidents = []
    for number, (site, node) in enumerate(((HERE, OURS), (THERE, THEIRS)), start=1):
        registry.enroll(NodeId(site, node), START)
        store.take(
            [of(site, node).heard(birth(name=f"name of {node}")), of(site, node).heard(report(sample(hashrate=5.0)))]
        )
        subject = Subject(Scope.NODE, site, node)
        incidents.append(Incident(number, Rule.LOST, subject, IncidentState.FIRING, START, fired_at=START, parent=3))
    fleet = Subject(Scope.FLEET)
    incidents.append(Incident(3, Rule.LOST, fleet, IncidentState.FIRING, START, fired_at=START, members=2))
    alone = Subject(Scope.NODE, THERE, THEIRS)
    incidents.append(Incident(4, Rule.SILENT, alone, IncidentState.FIRING, START, fired_at=START))
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=tuple(incidents)), 4)
        for site in (HERE, THERE):
            asked = SilenceRequest(SilenceKind.SILENCE, {"site": site}, "2h", f"fans of {site}")
            acts.silences.add(tx, Actor("eve", Way.CLI), START, asked, zone=ZONE)
        users.add(tx, User("cat", UserRole.VIEWER, HASH, {HERE: UserRole.ADMIN}), START)
        users.add(tx, User("dan", UserRole.VIEWER, HASH, {HERE: UserRole.VIEWER}), START)
    return app


@pytest.fixture
def unchanged(two_sites: Flask, home: Home) -> Iterator[None]:
    assert two_sites is not None
    before = contents(home)
    yield
    assert contents(home) == before


def ask(
    app: Flask, each: Try, name: str, store: Store, *, path: str = "", form: Mapping[str, str] | None = None
) -> TestResponse:
    with store.read() as tx:
        user = users.need(tx, name)
    client = app.test_client()
    answer = client.open(
        path or each.path,
        method=each.method,
        headers={**basic(name), HEADER: token_for(user)},
        data={**(form or {})} if each.changes else None,
        environ_overrides={"REMOTE_ADDR": next(ADDRESSES)},
    )
    answer.get_data()
    answer.close()
    return answer


def tells_of_theirs(answer: TestResponse) -> bool:
    return THERE.encode() in answer.data or THEIRS.encode() in answer.data


def test_every_route_says_how_it_keeps_to_sites(app: Flask) -> None:
    """A new route: say in `web/access/reach.py` what it needs. Unnamed ones are closed to users of given sites."""
    there = {rule.endpoint for rule in app.url_map.iter_rules()}
    assert there - REACH.keys() == set()
    assert REACH.keys() - there == set()
    placed = {rule.endpoint for rule in app.url_map.iter_rules() if "site" in rule.arguments}
    assert placed == {endpoint for endpoint, reach in REACH.items() if reach is Reach.PLACED}
    assert {endpoint for endpoint, reach in REACH.items() if reach in {Reach.PLACED, Reach.FILTERED}} >= KIOSK | LINKED


def test_who_sees_all_sees_what_the_others_must_not(two_sites: Flask, store: Store) -> None:
    """So that the next test looks for something that is there."""
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    telling = {
        each.endpoint
        for each in every(two_sites)
        if each.method == "GET" and tells_of_theirs(ask(two_sites, each, "root", store))
    }
    assert telling >= {
        *("overview.page", "overview.live", "wall.page", "wall.live", "incidents.page", "incidents.live"),
        *("incidents.quiet", "incidents.quiet_live", "api.list_nodes", "api.list_averages", "api.list_incidents"),
        *("api.list_silences", "metrics.metrics", "admin.page"),
    }


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", ["cat", "dan"])
def test_nothing_of_another_site_is_shown(two_sites: Flask, store: Store, name: str) -> None:
    for each in every(two_sites):
        if each.changes:
            continue
        answer = ask(two_sites, each, name, store)
        assert not tells_of_theirs(answer), str(each)
        reach = REACH[each.endpoint]
        if reach is Reach.WHOLE or (each.admin_only and name == "dan"):
            assert answer.status_code == 403, str(each)
        else:
            assert answer.status_code == 200, f"{each}: {answer.status_code}"


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize("name", ["cat", "dan"])
def test_what_lies_at_another_site_is_as_if_it_were_not_there(two_sites: Flask, store: Store, name: str) -> None:
    for each in every(two_sites):
        if REACH[each.endpoint] is Reach.PLACED:
            path = each.path.replace(f"/{HERE}/{OURS}", f"/{THERE}/{THEIRS}")
            none = each.path.replace(f"/{HERE}/{OURS}", "/nowhere/none")
            assert path != each.path
            answer, missing = (ask(two_sites, each, name, store, path=where) for where in (path, none))
            assert (answer.status_code, missing.status_code) == (404, 404), str(each)
    for number in (2, 3, 4):
        for path in (f"/incidents/{number}", f"/incidents/{number}/live", f"/api/v1/incidents/{number}"):
            each = Try("GET", path, "", admin_only=False)
            answer = ask(two_sites, each, name, store)
            assert answer.status_code == 404, path
            assert not tells_of_theirs(answer)


CHANGES = [
    ("/incidents/2/acknowledge", {"why": "x"}),
    ("/incidents/2/quiet", {"kind": "silence", "about": "node", "length": "1h"}),
    ("/quiet", {"kind": "silence", "site": THERE, "length": "1h"}),
    ("/quiet", {"kind": "silence", "rule": "lost", "length": "1h"}),
    ("/quiet", {"kind": "silence", "site": "*", "length": "1h"}),
    ("/quiet/end", {"number": "2"}),
    ("/admin/nodes", {"site": THERE, "node": "new"}),
    (f"/admin/nodes/{HERE}/{OURS}/move", {"to": THERE, "sure": "yes"}),
    (f"/admin/nodes/{THERE}/{THEIRS}/retire", {"sure": "yes"}),
    (f"/admin/nodes/{THERE}/{THEIRS}/name", {"name": "x"}),
    ("/nodes", {"act": "tag", "tags": "x", "node": f"{THERE}/{THEIRS}"}),
    ("/nodes", {"act": "retire", "sure": "yes", "node": f"{THERE}/{THEIRS}"}),
    ("/nodes", {"act": "move", "sure": "yes", "site": THERE, "node": f"{HERE}/{OURS}"}),
    ("/nodes", {"act": "silence", "length": "1h", "node": f"{THERE}/{THEIRS}"}),
    ("/admin/users/add", {"name": "eve", "role": "admin"}),
    ("/admin/tokens/add", {"name": "eve", "role": "admin", "life": "never"}),
]


@pytest.mark.usefixtures("unchanged")
@pytest.mark.parametrize(("path", "form"), CHANGES, ids=[path for path, _ in CHANGES])
@pytest.mark.parametrize("name", ["cat", "dan"])
def test_nothing_of_another_site_is_changed(
    two_sites: Flask, store: Store, *, name: str, path: str, form: dict[str, str]
) -> None:
    answer = ask(two_sites, Try("POST", path, "", admin_only=False), name, store, form=form)
    if path == "/quiet/end" and name == "cat":
        # As for a silence that is not there.
        assert answer.headers["Location"].endswith("note=over")
    else:
        assert answer.status_code in {403, 404}, answer.text
    assert not tells_of_theirs(answer)


@pytest.mark.usefixtures("unchanged")
def test_a_viewer_of_a_site_changes_nothing_there(two_sites: Flask, store: Store) -> None:
    for each in every(two_sites):
        if each.changes and REACH[each.endpoint] is not Reach.OWN:
            assert ask(two_sites, each, "dan", store, form={"sure": "yes"}).status_code == 403, str(each)


def test_an_admin_of_a_site_changes_what_is_there(two_sites: Flask, store: Store, clock: FakeClock) -> None:
    for path, form in (
        ("/incidents/1/acknowledge", {"why": "on my way"}),
        ("/quiet", {"kind": "silence", "site": HERE, "length": "1h"}),
        ("/quiet/end", {"number": "1"}),
        (f"/admin/nodes/{HERE}/{OURS}/name", {"name": "Loud"}),
    ):
        answer = ask(two_sites, Try("POST", path, "", admin_only=False), "cat", store, form=form)
        assert answer.status_code in {200, 302, 303}, f"{path}: {answer.text}"
    every = {"act": "tag", "tags": "hall", "every": "?"}
    assert ask(two_sites, Try("POST", "/nodes", "", admin_only=False), "cat", store, form=every).status_code == 200
    with store.read() as tx:
        tagged = {str(each.id) for each in reader.nodes(tx) if "hall" in each.tags}
        assert tagged == {f"{HERE}/{OURS}"}
        incident, running = alerts.one(tx, 1), silences.running(tx, clock.now())
    assert incident
    assert incident.acknowledged
    assert incident.acknowledged.by == "cat"
    assert [each.matcher.site for each in running] == [THERE, HERE]
    page = ask(two_sites, Try("GET", "/admin/", "", admin_only=True), "cat", store).text
    assert "Loud" in page
    assert "/admin/users" not in page


def test_an_admin_of_a_site_answers_for_the_own_part_of_a_group(two_sites: Flask, store: Store) -> None:
    form = {"act": "acknowledge", "node": f"{HERE}/{OURS}", "why": "x"}
    assert ask(two_sites, Try("POST", "/nodes", "", admin_only=False), "cat", store, form=form).status_code == 200
    with store.read() as tx:
        known = {number for number in (1, 2, 3, 4) if (found := alerts.one(tx, number)) and found.acknowledged}
    assert known == {1}


def test_what_is_kept_rendered_for_one_is_not_given_to_another(two_sites: Flask, store: Store) -> None:
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    for path in ("/live", "/wall/live", "/incidents/live", "/quiet/live", "/metrics", "/api/v1/nodes", "/api/v1/fleet"):
        each = Try("GET", path, "", admin_only=False)
        for _ in range(2):
            everything = ask(two_sites, each, "root", store)
            assert not tells_of_theirs(ask(two_sites, each, "cat", store)), path
            again = ask(two_sites, each, "root", store)
            assert tells_of_theirs(everything) == tells_of_theirs(again), path
            client = two_sites.test_client()
            if etag := everything.headers.get("ETag"):
                seen = client.get(path, headers={**basic("cat"), "If-None-Match": etag})
                assert seen.status_code == 200, path


def test_figures_are_of_the_sites_that_one_sees(two_sites: Flask, store: Store, clock: FakeClock) -> None:
    def fleet(name: str) -> dict[str, object]:
        answer = ask(two_sites, Try("GET", "/api/v1/fleet", "", admin_only=False), name, store).get_json()
        assert isinstance(answer, dict)
        return answer

    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    mine, all_of_it = fleet("cat"), fleet("root")
    assert (mine["nodes"], all_of_it["nodes"]) == (1, 2)
    assert mine["open_incidents"] == {**dict.fromkeys(("info", "warning", "critical"), 0), "warning": 1}
    clock.move(60)
    totals = Try("GET", "/api/v1/totals", "", admin_only=False)
    one = ask(two_sites, totals, "cat", store).get_json()["totals"]
    both = ask(two_sites, totals, "root", store).get_json()["totals"]
    assert [each["nodes"] for each in one] == [1]
    assert [each["nodes"] for each in both] == [2]
    assert one[0]["hashrate"] == both[0]["hashrate"] / 2
    charts = [
        ask(two_sites, Try("GET", "/series?range=1h", "", admin_only=False), who, store) for who in ("cat", "root")
    ]
    nodes = [{each for each in found.get_json()["lines"]["nodes"] if each is not None} for found in charts]
    assert nodes == [{1.0}, {2.0}]


def test_a_crowd_of_another_sites_incidents_takes_none_of_ours_from_the_chart(two_sites: Flask, store: Store) -> None:
    critical = [
        Incident(
            number,
            Rule.LOST,
            Subject(Scope.NODE, *node),
            IncidentState.FIRING,
            START,
            Severity.CRITICAL,
            fired_at=START,
        )
        for number, node in enumerate([(HERE, OURS), *((THERE, f"qq{each}") for each in range(100))], start=10)
    ]
    with store.write() as tx:
        alerts.save(tx, StepResult(incidents=tuple(critical)), 200)
    shown = ask(two_sites, Try("GET", "/series?range=1h", "", admin_only=False), "dan", store).get_json()["events"]
    assert [each["number"] for each in shown] == [10]


# links


def link(store: Store, kind: TokenKind, sites: list[str] | None = None, *, life: int | None = None) -> str:
    token = tokens.make()
    expires_at = None if life is None else START + life
    with store.write() as tx:
        tokens.add(
            tx, "tv", UserRole.VIEWER, tokens.hash_of(token), now=START, expires_at=expires_at, kind=kind, sites=sites
        )
    return token


def opened(app: Flask, token: str) -> FlaskClient:
    client = app.test_client()
    answer = client.get(f"/link?token={token}", headers=BROWSER)
    assert answer.status_code == 303
    assert token not in answer.headers["Location"]
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "HttpOnly" in answer.headers["Set-Cookie"]
    return client


@pytest.mark.parametrize(("kind", "opens"), [(TokenKind.KIOSK, KIOSK), (TokenKind.LINK, LINKED)])
def test_a_link_opens_its_pages_for_reading_and_nothing_else(
    two_sites: Flask, store: Store, home: Home, *, kind: TokenKind, opens: frozenset[str]
) -> None:
    client = opened(two_sites, link(store, kind, [HERE]))
    client.get("/wall", headers=BROWSER)
    before = contents(home)
    for each in every(two_sites):
        answer = client.open(each.path, method=each.method, headers=BROWSER)
        answer.get_data()
        answer.close()
        allowed = each.endpoint in opens and not each.changes
        assert (answer.status_code == 200) is allowed, f"{each}: {answer.status_code}"
        assert answer.status_code in {200, 403, 404}
        assert not tells_of_theirs(answer), str(each)
        assert b"/account" not in answer.data
    assert contents(home) == before


def test_a_link_for_all_sites_shows_all(two_sites: Flask, store: Store) -> None:
    assert tells_of_theirs(opened(two_sites, link(store, TokenKind.KIOSK)).get("/wall", headers=BROWSER))


def test_a_link_that_is_removed_or_over_opens_nothing(two_sites: Flask, store: Store, clock: FakeClock) -> None:
    token = link(store, TokenKind.LINK, life=60_000)
    client = opened(two_sites, token)
    assert client.get("/wall", headers=BROWSER).status_code == 200
    clock.move(60)
    assert client.get("/wall", headers=BROWSER).status_code == 303
    assert two_sites.test_client().get(f"/link?token={token}").status_code == 404
    with store.write() as tx:
        tokens.remove(tx, "tv")
    other = opened(two_sites, link(store, TokenKind.KIOSK))
    with store.write() as tx:
        tokens.remove(tx, "tv")
    assert other.get("/wall", headers=BROWSER).status_code == 303


def test_a_token_of_one_kind_is_none_of_the_other(two_sites: Flask, store: Store) -> None:
    token = link(store, TokenKind.LINK)
    client = two_sites.test_client()
    assert client.get("/api/v1/fleet", headers={"Authorization": f"Bearer {token}"}).status_code == 401
    api = tokens.make()
    with store.write() as tx:
        tokens.add(tx, "api", UserRole.ADMIN, tokens.hash_of(api), now=START, expires_at=None)
    answer = client.get(f"/link?token={api}")
    assert answer.status_code == 404
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "x", "rwt_", "rwt_" + "a" * 43, "ä" * 40])
def test_what_is_no_link_opens_nothing_and_guesses_are_few(two_sites: Flask, token: str) -> None:
    client = two_sites.test_client()
    statuses = [client.get("/link", query_string={"token": token}).status_code for _ in range(12)]
    assert statuses == [404] * 10 + [429] * 2


def test_the_token_of_a_link_is_in_no_log(two_sites: Flask, store: Store, caplog: pytest.LogCaptureFixture) -> None:
    token = link(store, TokenKind.LINK)
    with caplog.at_level("DEBUG"):
        opened(two_sites, token)
        store.close()
        two_sites.test_client().get(f"/link?token={token}")
    assert token not in caplog.text


def test_a_token_of_given_sites_reads_those_alone(two_sites: Flask, store: Store) -> None:
    token = tokens.make()
    with store.write() as tx:
        tokens.add(tx, "ci", UserRole.ADMIN, tokens.hash_of(token), now=START, expires_at=None, sites=[HERE])
    client = two_sites.test_client()
    headers = {"Authorization": f"Bearer {token}"}
    assert [each["site"] for each in client.get("/api/v1/nodes", headers=headers).get_json()["nodes"]] == [HERE]
    assert client.get(f"/api/v1/nodes/{THERE}/{THEIRS}", headers=headers).status_code == 404
    assert client.post("/api/v1/incidents/2/acknowledge", json={}, headers=headers).status_code == 404
    assert client.post("/api/v1/incidents/1/acknowledge", json={}, headers=headers).status_code == 200
    everywhere = {"match": {"rule": "lost"}, "lasts_s": 60}
    assert client.post("/api/v1/silences", json=everywhere, headers=headers).status_code == 403
    assert client.delete("/api/v1/silences/2", headers=headers).status_code == 404
    assert client.delete("/api/v1/silences/1", headers=headers).status_code == 200
