"""The overview says what the store knows, and says at once when that changes."""

import gzip
import json
import re
from datetime import timedelta

import msgspec
import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from rigwatch.clock import in_millis
from rigwatch.home import Home
from rigwatch.messages import Sample, Status
from rigwatch.settings import ServerSettings, WebSettings
from rigwatch.topics import NodeId
from store import Store, housekeeping
from tests.fake_clock import START, FakeClock
from tests.integration.web.conftest import basic
from tests.rigs import birth, goodbye, report, rig, sample, will
from web.app import create_app

MINUTE = 60_000


def page(client: FlaskClient, path: str = "/") -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.text


def between(html: str, start: str, end: str) -> str:
    return html.partition(start)[2].partition(end)[0]


def row(html: str, node: str) -> str:
    """The row of a node in the list."""
    body = between(html, '<table class="latest"', "</table>")
    found = re.search(rf'<tr data-key="{node}".*?</tr>', body, re.DOTALL)
    assert found, f"{node} is not in the list"
    return found[0]


def average(html: str, node: str = "main/rig1") -> str:
    return text(between(row(html, node), '<td class="num c-average', "</td>").partition(">")[2])


def order(html: str) -> list[str]:
    body = between(html, '<table class="latest"', "</table>")
    return re.findall(r'data-key="main/(\w+)"', body)


def text(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", "", html).split())


FULL = Sample(n=START, at=START, hashrate=8123, peers=12, block=534_211, temperature=61, power=120)


def test_an_empty_store_tells_the_next_step(ada: FlaskClient) -> None:
    html = page(ada)
    assert "rigwatch enroll NAME" in html
    assert "rigwatch publish --join -" in html
    assert "<table" not in html


def test_a_node_is_in_the_list_and_in_the_totals(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth(host="tower")), rig().heard(report(FULL))])
    html = page(ada)
    latest = row(html, "main/rig1")
    assert text(latest) == (
        "online rig1 main · tower 8.12 kH/s 67.7 H/s 12 534,211 61 °C 120 W 8.12 kH/s ±0 % 0 s 08:53:20"
    )
    assert 'class="num c-hashrate green"' in latest
    assert 'class="num c-peers yellow"' in latest
    assert 'class="num c-block green"' in latest
    assert 'class="num c-age green"' in latest
    chosen = text(row(page(ada, "/?cols=mean_peers+samples+change"), "main/rig1"))
    assert chosen == "online rig1 ±0 % 12.0 1 0 s 08:53:20"
    totals = between(between(html, 'id="totals"', "</table>"), '<tbody data-place="minutes">', "</tbody>")
    assert text(totals) == "08:53 so far 8.12 kH/s 1 node"


def test_names_from_outside_cannot_become_markup(ada: FlaskClient, store: Store) -> None:
    evil = "<img src=x onerror=alert(1)>"
    store.take(
        [
            rig().heard(msgspec.structs.replace(birth(host=evil, name=evil), tags=(evil,))),
            rig().heard(report(msgspec.structs.replace(FULL, errors={evil: evil}))),
            rig("rig2").heard(birth()),
            rig("rig2").heard(msgspec.structs.replace(goodbye(), reason=f'"{evil}')),
        ]
    )
    for path in ("/", "/live", f"/?q={evil}"):
        html = ada.get(path).text
        assert "<img src=x" not in html
        assert "&lt;img src=x" in html


def test_what_is_wrong_with_a_node_stands_in_its_row(ada: FlaskClient, store: Store) -> None:
    slow = START - 37_000
    sick = Sample(n=1, at=slow, errors={"xmrig": "connection refused"})
    store.take(
        [
            rig().heard(msgspec.structs.replace(birth(), tags=("simulated",))),
            rig().heard(report(sick, sent_at=slow)),
        ]
    )
    latest = text(row(page(ada), "main/rig1"))
    assert "degraded" in latest
    assert "simulated" in latest
    assert "clock 37 s behind" in latest
    assert "xmrig: connection refused" in latest


def test_lost_and_offline_nodes_count_for_nothing(ada: FlaskClient, store: Store) -> None:
    for name, end in (("up", None), ("lost", will()), ("off", goodbye())):
        block = 100 if end is None else 900
        made = rig(name)
        store.take([made.heard(birth()), made.heard(report(Sample(n=1, at=START, hashrate=1000, block=block)))])
        if end is not None:
            store.take([made.heard(end)])
    html = page(ada)
    assert text(between(html, "Hashrate now", "</div>")) == "1.00 kH/s from 1 of 3 nodes"
    assert text(between(html, "Highest block", "</div>")).startswith("100 ")
    lost = row(html, "main/lost")
    assert 'class="stale"' in lost
    assert "green" not in lost.split("c-age")[0]


def test_without_a_subscriber_the_page_says_that_nothing_is_known(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    store.take([rig().heard(birth()), rig().heard(report(FULL))])
    assert "Status unknown" not in page(ada)
    clock.move(11)
    html = page(ada)
    assert "The subscriber does not run" in text(html)
    assert 'class="pill unknown"' in row(html, "main/rig1")
    assert text(between(html, "Hashrate now", "</div>")).startswith("– ")
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=None)
    assert "The subscriber runs, but has no connection to the broker" in text(page(ada))
    etag = ask(ada)[1]
    clock.move(11)
    assert "The subscriber does not run; its last sign of life is 11 s old" in text(ask(ada, etag)[2])
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=clock.now())
    assert "Status unknown" not in page(ada)


def test_a_subscriber_that_never_ran_is_named_on_the_empty_page(ada: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=0, connected_at=None)
    assert "Status unknown" in page(ada)


def test_an_unknown_time_zone_is_said_on_the_page(store: Store, clock: FakeClock, home: Home) -> None:
    settings = ServerSettings(web=WebSettings(timezone="Mars/Olympus"))
    html = create_app(settings, store, clock=clock, home=home).test_client().get("/", headers=basic()).text
    assert "“Mars/Olympus” is not known" in html
    assert "2025-10-09 08:53:20</time> UTC" in html


def test_times_are_in_the_zone_of_the_settings(store: Store, clock: FakeClock, home: Home) -> None:
    store.take([rig().heard(birth()), rig().heard(report(FULL))])
    settings = ServerSettings(web=WebSettings(timezone="Europe/Berlin"))
    html = create_app(settings, store, clock=clock, home=home).test_client().get("/", headers=basic()).text
    assert "2025-10-09 10:53:20</time> Europe/Berlin" in html
    assert "10:53:20" in row(html, "main/rig1")


def test_it_sorts_by_links_and_narrows_by_status_and_text(ada: FlaskClient, store: Store) -> None:
    for name, rate in (("a", 3), ("b", 1), ("c", 2)):
        store.take([rig(name).heard(birth()), rig(name).heard(report(sample(hashrate=rate)))])
    store.take([rig("c").heard(will())])
    assert order(page(ada)) == ["c", "a", "b"]
    assert order(page(ada, "/?sort=hashrate")) == ["a", "c", "b"]
    rising = page(ada, "/?sort=hashrate&dir=asc")
    assert order(rising) == ["b", "c", "a"]
    assert 'aria-sort="ascending"><a href="/?sort=hashrate&amp;dir=desc"' in rising
    assert order(page(ada, "/?status=lost")) == ["c"]
    assert order(page(ada, "/?q=B")) == ["b"]
    assert "No node fits" in page(ada, "/?q=nobody")
    assert 'data-live="/live?sort=hashrate&amp;dir=asc"' in rising
    listed = ada.get("/live?sort=hashrate&dir=asc").get_json()["places"]["rows"]["order"]
    assert listed == ["main/b", "main/c", "main/a"]


def ask(client: FlaskClient, etag: str = "", path: str = "/live") -> tuple[int, str, str]:
    """The status, the new ETag, and the pieces that came, one after the other."""
    answer = client.get(path, headers={"If-None-Match": etag} if etag else {})
    return answer.status_code, answer.headers["ETag"], pieces(answer)


def pieces(answer: TestResponse) -> str:
    if answer.mimetype != "application/json" or "places" not in answer.get_json():
        return answer.text
    places = answer.get_json()["places"].values()
    return "\n".join(html for place in places for html in place.get("pieces", {}).values())


def test_the_live_part_is_sent_once_per_change(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    status, etag, _ = ask(ada)
    assert status == 200
    older = START - 30 * MINUTE
    changes: list[tuple[object, str]] = [
        (rig().heard(birth()), "online"),
        (rig().heard(report(FULL)), "8.12"),
        (rig().heard(report(sample(older, hashrate=1), sent_at=START)), "4.06"),
        (rig().heard(will()), "lost"),
        (rig().heard(birth(2), START + 1), "online"),
        (rig().heard(goodbye(2), START + 1), "offline"),
    ]
    for change, word in changes:
        store.take([change])  # type: ignore[list-item]
        status, new, html = ask(ada, etag)
        assert (status, new != etag) == (200, True), word
        assert word in html
        etag = new
        clock.move(0.4)
        assert ask(ada, etag)[0] == 304
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {NodeId("main", "newcomer"): START})
    assert "newcomer" in ask(ada, etag)[2]


def test_a_heartbeat_alone_is_no_change(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    store.take([rig().heard(birth())])
    etag = ask(ada)[1]
    clock.move(2)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=START - 3_600_000)
    assert ask(ada, etag)[0] == 304


@pytest.mark.parametrize(
    ("seconds", "level"),
    [(180, "yellow"), (300, "red")],
)
def test_time_alone_changes_the_colour_of_an_age(
    ada: FlaskClient, store: Store, clock: FakeClock, *, seconds: int, level: str
) -> None:
    store.take([rig().heard(birth(interval=3600)), rig().heard(report(FULL))])
    clock.move(seconds - 0.5)
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=clock.now(), connected_at=START - 3_600_000)
    _, etag, before = ask(ada)
    assert f"c-age {level}" not in before
    clock.move(0.5)
    assert ask(ada, etag)[0] == 304
    clock.move(0.001)
    status, _, after = ask(ada, etag)
    assert status == 200
    assert f"c-age {level}" in after


def test_time_alone_makes_a_node_silent_and_a_subscriber_away(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    store.take([rig().heard(birth(interval=1))])
    etag = ask(ada)[1]
    clock.move(2.9)
    assert ask(ada, etag)[0] == 304
    clock.move(0.2)
    _, etag, html = ask(ada, etag)
    assert "pill silent" in html
    clock.move(10)
    assert "pill unknown" in ask(ada, etag)[2]


def test_each_listing_has_its_own_etag(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth())])
    etag = ask(ada)[1]
    assert ask(ada, etag, "/live?sort=name")[0] == 200


def test_a_restarted_dashboard_does_not_know_the_etags_of_the_one_before(
    ada: FlaskClient, store: Store, clock: FakeClock, home: Home
) -> None:
    etag = ask(ada)[1]
    again = create_app(ServerSettings(), store, clock=clock, home=home).test_client()
    assert again.get("/live", headers={**basic(), "If-None-Match": etag}).status_code == 200


def test_the_page_of_a_node_that_does_not_change_counts_its_age(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    store.take([rig().heard(birth()), rig().heard(report(FULL))])
    assert ">0 s</time>" in row(page(ada), "main/rig1")
    clock.move(7)
    assert ">7 s</time>" in row(page(ada), "main/rig1")


def test_it_is_sent_zipped_to_who_takes_it(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth())])
    zipped = ada.get("/live", headers={"Accept-Encoding": "gzip"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert zipped.headers["Vary"] == "Accept-Encoding"
    assert json.loads(gzip.decompress(zipped.data)) == ada.get("/live").get_json()
    assert "Content-Encoding" not in ada.get("/live", headers={"Accept-Encoding": "gzip;q=0"}).headers


def test_averages_are_over_the_time_that_is_kept(ada: FlaskClient, store: Store) -> None:
    old, recent = START - in_millis(timedelta(hours=60)), START - 3_600_000
    store.take(
        [
            rig().heard(birth()),
            rig().heard(report(sample(old, hashrate=9000), sent_at=START)),
            rig().heard(report(sample(recent, hashrate=100), sent_at=START)),
        ]
    )
    assert average(page(ada)).startswith("100 H/s")


def test_history_that_arrives_late_changes_the_average_alone(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth()), rig().heard(report(sample(hashrate=100)))])
    assert average(page(ada)) == "100 H/s ±0 %"
    latest = page(ada, "/?cols=hashrate+peers")
    store.take([rig().heard(report(sample(START - 3_600_000, hashrate=300)))])
    assert average(page(ada)) == "200 H/s −50 %"
    assert row(page(ada, "/?cols=hashrate+peers"), "main/rig1") == row(latest, "main/rig1")


def test_a_removed_node_leaves_the_page(ada: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {NodeId("main", "one"): START, NodeId("main", "two"): START})
    assert order(page(ada)) == ["one", "two"]
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {NodeId("main", "two"): START})
    assert order(page(ada)) == ["two"]


def test_a_thousand_nodes_are_pages_that_links_lead_through(ada: FlaskClient, store: Store) -> None:
    rigs = [rig(f"rig{number}") for number in range(1000)]
    store.take([each.heard(birth()) for each in rigs])
    store.take([each.heard(report(FULL)) for each in rigs])
    seen = [name for number in (1, 7, 20) for name in order(page(ada, f"/?page={number}&sort=name"))]
    assert seen == [f"rig{number}" for first in (0, 300, 950) for number in range(first, first + 50)]
    html = page(ada, "/?page=99")
    assert "951 to 1000 of 1000" in html
    assert 'href="/?page=19" rel="prev"' in html
    assert 'rel="next"' not in html
    # All of them are looked through, not the page alone.
    assert order(page(ada, "/?q=rig777")) == ["rig777"]
    store.take([rig("rig777").heard(will())])
    assert order(page(ada))[0] == "rig777"


def test_a_change_of_one_node_is_sent_as_what_has_changed(ada: FlaskClient, store: Store) -> None:
    rigs = [rig(f"rig{number}") for number in range(100)]
    store.take([each.heard(birth()) for each in rigs])
    store.take([each.heard(report(FULL)) for each in rigs])
    etag = ask(ada)[1]
    store.take([rigs[7].heard(report(sample(START + 1, hashrate=9000)))])
    answer = ada.get("/live", headers={"If-None-Match": etag, "Accept-Encoding": "gzip"})
    assert len(answer.data) + len(str(answer.headers)) < 2000
    places = json.loads(gzip.decompress(answer.data))["places"]
    assert {name: list(place["pieces"]) for name, place in places.items()} == {
        "summary": ["rate", "power"],
        "site main": ["sum"],
        "hosts main": ["host ?site=main&host=host1", "all"],
        "minutes": ["2025-10-09T08:53Z"],
        "rows": ["main/rig7"],
    }
    assert "9.00 <small>kH/s" in places["rows"]["pieces"]["main/rig7"]


def test_who_has_the_page_is_not_sent_it_again(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth())])
    (etag,) = re.findall(r'data-etag="([^"]+)"', page(ada))
    assert ask(ada, f'"{etag}"')[0] == 304


def test_an_order_that_somebody_holds_on_to_stays(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    for name in ("a", "b", "c"):
        store.take([rig(name).heard(birth())])
    etag = ask(ada)[1].strip('"')
    store.take([rig("c").heard(will())])
    held = ada.get(f"/live?hold={etag}").get_json()
    assert (held["held"], held["places"]["rows"]["order"]) == (True, ["main/a", "main/b", "main/c"])
    assert "pill lost" in held["places"]["rows"]["pieces"]["main/c"]
    assert "data-again>" in held["places"]["list"]["pieces"]["head"]
    assert "hidden data-again>" not in held["places"]["list"]["pieces"]["head"]
    follows = ada.get("/live").get_json()
    assert (follows["held"], follows["places"]["rows"]["order"]) == (False, ["main/c", "main/a", "main/b"])
    assert "hidden data-again>" in follows["places"]["list"]["pieces"]["head"]
    # For as long as somebody asks, and whoever has an older answer is sent the difference alone.
    store.take([rig("a").heard(goodbye())])
    clock.move(1)
    again = ada.get(f"/live?hold={etag}", headers={"If-None-Match": f'"{held["etag"]}"'}).get_json()
    assert list(again["places"]["rows"]) == ["pieces"]
    assert list(again["places"]["rows"]["pieces"]) == ["main/a"]
    assert ada.get("/live?hold=nonsense-1").get_json()["held"] is False


def test_a_birth_changes_what_the_row_says(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth(name="Old"))])
    assert "Old" in row(page(ada), "main/rig1")
    renamed: Status = birth(2, name="New")
    store.take([rig().heard(renamed)])
    assert "New" in row(page(ada), "main/rig1")


def test_the_hashrate_is_compared_with_an_hour_ago(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth()), rig().heard(report(sample(START - 60 * MINUTE, hashrate=200), sample(START)))])
    store.take([rig().heard(report(sample(START + 1, hashrate=150)))])
    assert "−25 % against an hour ago" in text(page(ada))


def test_without_a_figure_of_an_hour_ago_nothing_is_compared(ada: FlaskClient, store: Store) -> None:
    store.take([rig().heard(birth()), rig().heard(report(sample(hashrate=150)))])
    html = page(ada)
    assert "against an hour ago" not in html
    assert text(between(html, "<h2>Open incidents</h2>", "</div>")) == "0 nothing to look at; nobody is told"


def test_each_row_has_its_last_day(ada: FlaskClient, store: Store) -> None:
    for name in ("a", "b"):
        store.take([rig(name).heard(birth()), rig(name).heard(report(sample(hashrate=100)))])
    store.take([rig("new").heard(birth())])
    html = page(ada)
    assert html.count('class="spark"') == 2
    assert "<svg" in row(html, "main/a")
    assert "<svg" not in row(html, "main/new")


def test_it_narrows_by_site_host_and_tag(ada: FlaskClient, store: Store) -> None:
    tagged = msgspec.structs.replace(birth(host="tower"), tags=("old",))
    store.take([rig("a").heard(tagged), rig("b").heard(birth(host="shed")), rig("c", "attic").heard(birth())])
    assert order(page(ada, "/?host=tower")) == ["a"]
    assert order(page(ada, "/?tag=old&site=main")) == ["a"]
    html = page(ada, "/?site=main&status=online")
    assert order(html) == ["a", "b"]
    assert "<option selected>main</option>" in html
    assert '<input type="hidden" name="status" value="online">' in html
    assert 'href="?site=main&amp;' not in html
    assert 'href="/?status=online&amp;site=main"' in html
