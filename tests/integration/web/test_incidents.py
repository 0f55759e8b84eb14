"""The pages about incidents and quiet, over an SQLite store that the real alerts fill; viewers look, admins change."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from alerts.facts import User, UserRole
from alerts.silence import SilenceKind
from rigwatch.home import Home
from rigwatch.messages import NodeState, Status
from rigwatch.settings import ServerSettings
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import Secret
from store import Store, alerts, audit, outbox, silences, users
from tests.alerting import RIG, Driver
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import HASH, basic
from tests.rigs import Rig, birth, report, rig, sample, will
from web.app import create_app

FORM = re.compile(r'name="csrf_token" value="([^"]+)"')
EVIL = "<script>alert(1)</script>"


@pytest.fixture
def driver(store: Store, clock: FakeClock) -> Iterator[Driver]:
    made = Driver(store, clock)
    made.tick()
    yield made
    made.alert_driver.release(made.store)


@pytest.fixture
def root(app: Flask, store: Store) -> FlaskClient:
    """An admin in a browser."""
    with store.write() as tx:
        users.add(tx, User("root", UserRole.ADMIN, HASH), START)
    client = app.test_client()
    client.environ_base["HTTP_AUTHORIZATION"] = basic("root")["Authorization"]
    return client


def lose(driver: Driver, *rigs: Rig, host: str = "box1") -> None:
    driver.hear_all([(each, birth(host=host)) for each in rigs])
    driver.hear_all([(each, will()) for each in rigs])


def text(client: FlaskClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return answer.get_data(as_text=True)


def post(client: FlaskClient, form: str, path: str, **fields: str) -> TestResponse:
    """As a browser does: with the token of the page that has the form."""
    token = FORM.search(text(client, form))
    assert token, "the page has no form"
    return client.post(path, data={"csrf_token": token[1], **fields})


def test_open_ones_stand_first_the_worst_on_top_and_past_ones_below(ada: FlaskClient, driver: Driver) -> None:
    lose(driver, RIG)
    driver.hear(birth(2, host="box1"))
    for _ in range(2):
        driver.tick(10 + 601)
        driver.hear(report(sample(driver.clock.now(), peers=2), session=2, sent_at=driver.clock.now()))
    lose(driver, rig("rig2", "attic"))
    page = text(ada, "/incidents")
    order = [page.index(each) for each in ('id="open"', "attic/rig2 lost", "garage/rig1 has few peers", 'id="past"')]
    assert order == sorted(order)
    assert "garage/rig1 lost" in page[order[-1] :]
    assert "lasted" in page[order[-1] :]
    assert "<title>(1 critical) Incidents" in page
    assert "has few peers" not in text(ada, "/incidents?state=past")
    assert "attic/rig2" in text(ada, "/incidents?severity=critical&site=attic")
    assert "attic/rig2" not in text(ada, "/incidents?rule=few_peers")
    assert "None that fits" in text(ada, "/incidents?q=nowhere")
    for place in ("host=box1", "node=rig2", "q=ATTIC", "q=box"):
        assert "attic/rig2 lost" in text(ada, f"/incidents?{place}"), place


def test_an_empty_page_says_that_all_is_well(ada: FlaskClient) -> None:
    page = text(ada, "/incidents")
    assert "All is well" in page
    assert "rigwatch test-alert" in page


def test_older_ones_are_a_page_each_and_none_is_missed_while_new_ones_come(ada: FlaskClient, driver: Driver) -> None:
    for number in range(1, 61):
        driver.hear_all([(RIG, birth(number * 2)), (RIG, will(number * 2))])
        driver.hear(birth(number * 2 + 1))
        driver.tick(700)
    first = text(ada, "/incidents?state=past&rule=lost")
    older = re.search(r'href="(/incidents\?state=past&amp;rule=lost&amp;before=[^"]+)"', first)
    assert older
    driver.hear_all([(RIG, will(122)), (RIG, birth(123))])
    driver.tick(700)
    second = text(ada, older[1].replace("&amp;", "&"))
    numbers = [int(each) for page in (first, second) for each in re.findall(r'href="/incidents/(\d+)"', page)]
    assert len(numbers) == 60
    assert numbers == sorted(set(numbers), reverse=True)
    assert "To the newest" in second
    assert "Older" not in second


@pytest.mark.parametrize(
    "query",
    [
        *("state=lost", "rule=x", "severity=bad", "before=1", "state=past&before=x", "state=past&before=1", "group=x"),
        *(f"q={'x' * 101}", "group=99999999999999999999", "state=past&before=99999999999999999-1"),
    ],
)
def test_what_the_list_has_not_is_refused_in_words(ada: FlaskClient, query: str) -> None:
    assert ada.get(f"/incidents?{query}").status_code == 400


@pytest.mark.parametrize("number", ["0", "7", "9007199254740991", "99999999999999999999", "-1", "x"])
def test_there_is_no_page_for_what_is_no_incident(ada: FlaskClient, number: str) -> None:
    assert ada.get(f"/incidents/{number}").status_code == 404


def test_one_tells_why_it_fired_what_was_decided_and_what_was_sent(ada: FlaskClient, driver: Driver) -> None:
    lose(driver, RIG)
    with driver.store.read() as tx:
        (posted,) = outbox.left(tx)
    driver.clock.move(0.04)
    with driver.store.write() as tx:
        outbox.sent(tx, [posted.id], driver.clock.now())
    page = text(ada, "/incidents/1")
    for said in (
        "garage/rig1 lost",
        "its connection broke",
        "noticed",
        "firing",
        "first to web",
        "sent",
        "after 40 ms",
    ):
        assert said in page, said
    assert 'href="/node/garage/rig1"' in page
    assert "CRITICAL: garage/rig1 lost" in page


@pytest.mark.parametrize(
    ("what", "said"),
    [("again", "tried again at 08:53:25: HTTP 500"), ("failed", "HTTP 500"), ("sending", "under way")],
)
def test_what_became_of_a_message_is_told(ada: FlaskClient, driver: Driver, what: str, said: str) -> None:
    lose(driver, RIG)
    with driver.store.read() as tx:
        (posted,) = outbox.left(tx)
    if what == "again":
        with driver.store.write() as tx:
            outbox.again(tx, [posted], START + 5000, "HTTP 500")
    elif what == "failed":
        with driver.store.write() as tx:
            outbox.failed(tx, [posted.id], "HTTP 500")
    assert said in text(ada, "/incidents/1")


def test_a_message_about_several_stands_on_the_page_of_each(ada: FlaskClient, driver: Driver) -> None:
    lose(driver, RIG)
    driver.tick(10)
    lose(driver, rig("rig2", "attic"))
    driver.hear_all([(RIG, birth(3)), (rig("rig2", "attic"), birth(3))])
    for number in (1, 2):
        assert "2 nodes: OK, back" in text(ada, f"/incidents/{number}")


def test_a_group_and_its_nodes_lead_to_each_other(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    driver = Driver(store, clock, hold=timedelta(seconds=2), group_wait=timedelta(seconds=5))
    driver.tick()
    lose(driver, *(rig(f"rig{number}", "garage") for number in range(70)))
    driver.tick(2)
    driver.tick(5)
    listed = text(ada, "/incidents")
    assert "70 nodes are lost together" in listed or "70 nodes lost together" in listed
    assert "garage/rig1 " not in listed
    with store.read() as tx:
        group = next(each.id for each in alerts.live(tx) if each.members)
    page = text(ada, f"/incidents/{group}")
    assert len(re.findall(r'class="incident firing"', page)) == 60
    assert "70, 70 still" in page
    assert f'href="/incidents?state=open&amp;group={group}"' in page
    members = text(ada, f"/incidents?state=open&group={group}")
    assert "garage/rig69 lost" in members
    with store.read() as tx:
        member = alerts.one(tx, 1)
    assert member
    assert f'told as part of <a href="/incidents/{group}"' in text(ada, "/incidents/1")
    driver.alert_driver.release(driver.store)


def test_names_from_outside_cannot_become_markup(root: FlaskClient, driver: Driver) -> None:
    driver.hear(Status(NodeState.ONLINE, 1, host=EVIL, name=EVIL))
    driver.hear(will())
    post(root, "/incidents/1", "/incidents/1/acknowledge", why=EVIL)
    post(root, "/quiet", "/quiet", kind="silence", site=EVIL[:60], length="2h", why=EVIL)
    driver.tick(1)
    for path in ("/incidents", "/incidents/1", "/quiet", f"/incidents?q={EVIL}", f"/quiet?site={EVIL}"):
        page = text(root, path)
        assert "alert(1)" in page, path
        assert EVIL not in page, path


def test_acknowledging_stops_reminders_and_says_who_and_when(root: FlaskClient, driver: Driver, store: Store) -> None:
    lose(driver, RIG)
    done = post(root, "/incidents/1", "/incidents/1/acknowledge", why="on my\nway")
    assert done.status_code == 303
    assert "no more reminders" in text(root, done.headers["Location"])
    driver.tick(1)
    assert driver.tick(400) == []
    page = text(root, "/incidents/1")
    assert "Acknowledged by <b>root</b>" in page
    assert "2025-10-09 08:53:20" in page
    assert "“on my way”" in page
    assert "by root: on my way" in page
    assert 'class="card acknowledge"' not in page
    assert "acknowledged by root" in text(root, "/incidents")
    with store.read() as tx:
        (entry,) = audit.page(tx, audit.AuditFilter(), 10)
    assert (entry.who, entry.action, entry.subject) == ("root", "incident.acknowledge", "#1")
    assert "garage/rig1 lost: on my way" in entry.detail
    again = post(root, "/incidents/1", "/incidents/1/acknowledge", why="me too")
    assert "note=known" in again.headers["Location"]
    with store.read() as tx:
        assert len(audit.page(tx, audit.AuditFilter(), 10)) == 1


@pytest.mark.parametrize(
    ("kind", "about", "matcher"),
    [
        ("silence", "rule", "site=garage node=rig1 rule=lost"),
        ("silence", "node", "site=garage node=rig1"),
        ("silence", "host", "site=garage host=box1"),
        ("maintenance", "site", "site=garage"),
        ("maintenance", "rule", "site=garage node=rig1"),
    ],
)
def test_quiet_is_made_around_an_incident(  # noqa: PLR0917 - a table's columns
    root: FlaskClient, driver: Driver, store: Store, kind: str, about: str, matcher: str
) -> None:
    lose(driver, RIG)
    done = post(root, "/incidents/1", "/incidents/1/quiet", kind=kind, about=about, length="4h", why="fan")
    assert done.status_code == 303
    with store.read() as tx:
        (silence,) = silences.running(tx, START)
    assert (str(silence.matcher), silence.kind, silence.by, silence.why) == (matcher, SilenceKind(kind), "root", "fan")
    assert silence.ends_at == START + 4 * 3_600_000
    driver.tick(1)
    assert driver.tick(400) == []
    word = "in maintenance" if kind == "maintenance" else "silenced"
    assert f'<span class="flag quiet">{word}</span>' in text(root, "/incidents")
    assert "fan" in text(root, "/incidents/1")
    with store.read() as tx:
        (entry,) = audit.page(tx, audit.AuditFilter(), 10)
    assert (entry.action, entry.detail) == (f"{kind}.add", f"{matcher} for 4 h: fan")


def test_a_wrong_length_is_said_on_the_page_and_nothing_is_made(
    root: FlaskClient, driver: Driver, store: Store
) -> None:
    lose(driver, RIG)
    done = post(root, "/incidents/1", "/incidents/1/quiet", kind="silence", about="rule", length="soon")
    assert done.status_code == 400
    assert "write a duration" in done.get_data(as_text=True)
    for wrong in ({"kind": "loud"}, {"about": "all"}):
        fields = {"kind": "silence", "about": "rule", "length": "2h", **wrong}
        assert post(root, "/incidents/1", "/incidents/1/quiet", **fields).status_code == 400
    with store.read() as tx:
        assert silences.running(tx, START) == ()


def test_the_page_of_quiet_lists_what_runs_is_planned_recurs_and_ended(
    root: FlaskClient, driver: Driver, clock: FakeClock
) -> None:
    lose(driver, RIG)
    for fields in (
        {"kind": "silence", "site": "garage", "rule": "lost", "length": "1h", "why": "router"},
        {"kind": "maintenance", "host": "box1", "length": "2h", "start": "2025-10-10T03:00", "rule": "lost"},
        {"kind": "maintenance", "node": "rig*", "length": "1h", "every_day": "sun", "every_at": "03:00"},
        {"kind": "silence", "severity": "info", "length": "30m"},
    ):
        assert post(root, "/quiet", "/quiet", **fields).status_code == 303
    done = post(root, "/quiet", "/quiet/end", number="4")
    assert "note=ended" in done.headers["Location"]
    page = text(root, "/quiet")
    parts = re.split(r'<section class="card" data-key="(\w+)"', page)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert list(sections) == ["running", "planned", "waiting", "ended"]
    assert "until 2025-10-09 09:53" in sections["running"]
    assert "“router”" in sections["running"]
    assert "1 node<" in sections["running"]
    assert "2025-10-10 03:00 for 2 h" in sections["planned"]
    assert "every sun 03:00 for 1 h" in sections["waiting"]
    assert "ended by root" in sections["ended"]
    assert sections["running"].count('form="end-quiet"') == 1
    assert sections["ended"].count('form="end-quiet" name="number" value="4"') == 0
    assert "note=over" in post(root, "/quiet", "/quiet/end", number="4").headers["Location"]
    assert "note=over" in post(root, "/quiet", "/quiet/end", number="x").headers["Location"]
    clock.move(3601)
    assert "router" in text(root, "/quiet").split('data-key="ended"')[1]


def test_a_form_that_was_filled_in_wrongly_comes_back_with_what_was_typed(root: FlaskClient, store: Store) -> None:
    done = post(root, "/quiet", "/quiet", kind="silence", site="garage", length="soon", why="my reason")
    page = done.get_data(as_text=True)
    assert done.status_code == 400
    assert "how long: write a duration" in page
    assert 'name="site" value="garage"' in page
    assert 'value="my reason"' in page
    assert re.search(r'name="length"[^>]*aria-invalid="true"', page)
    assert post(root, "/quiet", "/quiet", kind="silence", length="2h").status_code == 400
    assert post(root, "/quiet", "/quiet", kind="party", length="2h").status_code == 400
    with store.read() as tx:
        assert silences.running(tx, START) == ()


def test_the_form_begins_with_what_the_address_says(root: FlaskClient) -> None:
    page = text(root, "/quiet?site=garage&node=rig1&rule=hot")
    assert 'name="node" value="rig1"' in page
    assert '<option value="hot" selected>hot</option>' in page


def test_a_viewer_sees_no_forms_and_is_refused(
    ada: FlaskClient, root: FlaskClient, driver: Driver, store: Store
) -> None:
    lose(driver, RIG)
    post(root, "/quiet", "/quiet", kind="silence", site="attic", length="1h")
    for path in ("/incidents", "/incidents/1", "/quiet", "/quiet/live"):
        page = text(ada, path)
        assert 'method="post"' not in page
        assert "end-quiet" not in page
    assert "end-quiet" in text(root, "/quiet/live")
    for path in ("/incidents/1/acknowledge", "/incidents/1/quiet", "/quiet", "/quiet/end"):
        assert ada.post(path, data={"number": "1", "length": "2h"}).status_code == 403
    with store.read() as tx:
        incident = alerts.one(tx, 1)
    assert incident is not None
    assert incident.acknowledged is None
    with store.read() as tx:
        assert len(silences.running(tx, START)) == 1


def test_without_a_token_of_the_page_nothing_is_done(root: FlaskClient, driver: Driver, store: Store) -> None:
    lose(driver, RIG)
    for path in ("/incidents/1/acknowledge", "/incidents/1/quiet", "/quiet", "/quiet/end"):
        answer = root.post(path, data={"kind": "silence", "about": "rule", "site": "x", "length": "2h", "number": "1"})
        assert answer.status_code == 403, path
    with store.read() as tx:
        assert silences.running(tx, START) == ()


@pytest.mark.parametrize("path", ["/incidents/live", "/incidents/1/live", "/quiet/live"])
def test_the_live_parts_are_sent_once_per_change(root: FlaskClient, driver: Driver, path: str) -> None:
    lose(driver, RIG)
    seen = root.get(path)
    assert seen.status_code == 200

    def is_news() -> bool:
        nonlocal seen
        answer = root.get(path, headers={"If-None-Match": seen.headers["ETag"]})
        seen = answer if answer.status_code == 200 else seen
        return answer.status_code == 200

    assert not is_news()
    post(root, "/quiet", "/quiet", kind="silence", site="garage", length="20s")
    assert is_news()
    assert not is_news()
    driver.tick(1)
    driver.hear(birth(2))
    assert is_news()
    with driver.store.read() as tx:
        (first, *_) = outbox.left(tx)
    with driver.store.write() as tx:
        driver.alert_driver.note(tx, [first], "sent", "web took it")
    assert is_news()
    driver.clock.move(20)
    assert is_news(), "the silence has ended"
    assert not is_news()


def test_a_refused_channel_is_named_on_the_pages_without_its_reason(ada: FlaskClient, store: Store) -> None:
    assert "for good" not in text(ada, "/incidents")
    with store.write() as tx:
        outbox.refuse(tx, "tgram-3f9a2c", "hash", why="bot123:SECRET", now=START)
    for path in ("/incidents", "/quiet", "/"):
        page = text(ada, path)
        assert "refuses messages for good: tgram-3f9a2c" in page, path
        assert "SECRET" not in page


def test_it_says_so_while_nobody_is_told_of_incidents(
    ada: FlaskClient, store: Store, clock: FakeClock, home: Home
) -> None:
    assert "Nobody is told of incidents" in text(ada, "/incidents")
    settings = ServerSettings(alerts=AlertSettings(channels=(Secret("ntfy://my-topic"),)))
    told = create_app(settings, store, clock=clock, home=home).test_client()
    told.environ_base["HTTP_AUTHORIZATION"] = basic()["Authorization"]
    assert "obody is told" not in text(told, "/incidents")
    assert "obody is told" not in text(told, "/")
