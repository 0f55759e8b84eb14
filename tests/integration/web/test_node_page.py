"""The page of one node, its history in JSON, and when each is sent again."""

import json
import re
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from alerts.plugs import PlugFacts, PlugState
from rigwatch.clock import Millis
from rigwatch.figures import Gpu, Miner
from rigwatch.messages import Sample
from store import Store, devices, housekeeping
from tests.alerting import Driver
from tests.fake_clock import START, FakeClock
from tests.integration.web.test_overview import ask, between, page, text
from tests.rigs import birth, goodbye, report, rig, sample, will

MINUTE = 60_000
RIG = "/node/main/rig1"
FULL = Sample(n=START, at=START, hashrate=8123, peers=12, block=534_211, temperature=61, power=120)


def heard(store: Store, *said: Any) -> None:  # noqa: ANN401 - births and reports alike
    store.take([rig().heard(each) for each in said])


def series(client: FlaskClient, span: str = "24h") -> Any:  # noqa: ANN401 - JSON
    answer = client.get(f"{RIG}/series?range={span}")
    assert answer.status_code == 200
    assert answer.mimetype == "application/json"
    return json.loads(answer.text)


def test_it_shows_the_node_and_its_latest_figures(ada: FlaskClient, store: Store) -> None:
    heard(store, birth(host="tower", name="Big one"), report(FULL))
    html = page(ada, RIG)
    assert "<title>Big one · rigwatch</title>" in html
    about = text(between(html, 'data-key="about"', "</section>"))
    assert "All nodes / main / tower Big one online connected and reporting" in about
    figures = text(between(html, 'data-key="figures"', "</section>"))
    assert "Hashrate 8.12 kH/s Peers 12 Block 534,211 not behind Temperature 61 °C Power 120 W" in figures
    assert "08:53:20 8.12 kH/s 12 534,211 61 °C 120 W" in text(between(html, '<table class="samples"', "</table>"))
    assert text(between(html, '<ul class="changes">', "</ul>")) == "2025-10-09 08:53:20 online"
    assert f'data-series="{RIG}/series"' in html
    assert f'data-live="{RIG}/live"' in html


def test_the_overview_leads_to_it(ada: FlaskClient, store: Store) -> None:
    heard(store, birth(), report(FULL))
    html = page(ada)
    assert html.count('href="node/main/rig1"') == 1


def test_a_node_that_never_came_tells_the_next_step(ada: FlaskClient, store: Store) -> None:
    with store.write() as tx:
        housekeeping.set_enrolled(tx, {rig().id: START})
    html = page(ada, RIG)
    assert "No sample yet" in html
    assert "rigwatch publish --join -" in html
    assert series(ada)["lines"] == {}
    assert series(ada)["band"] == []


@pytest.mark.parametrize("path", ["/node/main/nobody", "/node/main/nobody/live", "/node/main/nobody/series"])
def test_a_node_that_is_not_there_is_not_found(ada: FlaskClient, path: str) -> None:
    answer = ada.get(path)
    assert answer.status_code == 404
    assert "no node main/nobody" in answer.text


def test_what_cannot_be_asked_is_refused(ada: FlaskClient, store: Store) -> None:
    heard(store, birth())
    for path in (f"{RIG}/series?range=8d", f"{RIG}?range=8d", "/series?range=", "/?range=8d", "/wall?theme=pink"):
        answer = ada.get(path)
        assert answer.status_code == 400, path
        assert "is not one of" in answer.text
    assert ada.get("/node/Main/rig1").status_code == 404


def test_names_from_outside_cannot_become_markup(ada: FlaskClient, store: Store) -> None:
    evil = "<img src=x onerror=alert(1)>"
    born = msgspec.structs.replace(birth(host=evil, name=evil), tags=(evil,), sources=(evil,), version=evil)
    bad = msgspec.structs.replace(FULL, errors={evil: evil}, gpus=(Gpu(evil, evil),), pool=evil)
    heard(store, born, report(bad))
    for path in (RIG, f"{RIG}/live", "/wall", f"/?tag={evil}&host={evil}&site={evil}"):
        html = ada.get(path).text
        assert "<img src=x" not in html, path
        assert "&lt;img src=x" in html, path


def test_the_live_part_changes_with_this_node_alone(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    heard(store, birth(), report(FULL))
    path = f"{RIG}/live"
    etag = ask(ada, path=path)[1]
    clock.move(1)
    store.take([rig("other").heard(birth()), rig("other").heard(report(sample(hashrate=5)))])
    assert ask(ada, etag, path)[0] == 304
    for said in (report(sample(START + 1, hashrate=7)), report(sample(START - MINUTE)), will(), birth(2), goodbye(2)):
        heard(store, said)
        status, new, _ = ask(ada, etag, path)
        assert (status, new != etag) == (200, True), said
        etag = new
    # Another that has a higher block makes this one lag.
    heard(store, birth(3), report(msgspec.structs.replace(FULL, n=START + 9, at=START + 9), session=3))
    etag = ask(ada, path=path)[1]
    store.take([rig("other").heard(report(Sample(n=START + 2, at=START, block=534_300)))])
    assert "89 behind the highest" in ask(ada, etag, path)[2]


def test_its_history_has_gaps_and_a_band(ada: FlaskClient, store: Store) -> None:
    moments = [START - minutes * MINUTE for minutes in (30, 29, 28, 10, 9)]
    store.take([rig().heard(birth(), moments[0])])
    heard(store, report(*[sample(at, hashrate=100) for at in moments]), will())
    made = series(ada, "1h")
    assert made["lines"]["hashrate"] == [None, 100, 100, 100, None, 100, 100, None]
    assert (made["at"][0], made["at"][-1]) == ((START - 60 * MINUTE) / 1000, START / 1000)
    assert [span[0] for span in made["band"]] == ["online", "silent", "online", "silent"]
    assert (made["samples"], made["late"]) == (5, 0)
    assert made["due"] == 30


def test_it_shows_how_far_it_was_behind_others_of_its_chain(ada: FlaskClient, store: Store) -> None:
    other_chain = msgspec.structs.replace(birth(), tags=("chain:other",))
    for name, born, block in (("rig1", birth(), 90), ("ahead", birth(), 100), ("far", other_chain, 5000)):
        store.take([rig(name).heard(born), rig(name).heard(report(Sample(n=START, at=START, block=block)))])
    assert series(ada)["lines"]["lag"] == [None, 10, None]
    assert "10 behind the highest" in page(ada, RIG)
    alone = ada.get("/node/main/far/series").text
    assert "lag" not in json.loads(alone)["lines"]


def test_each_card_has_its_own_line(ada: FlaskClient, store: Store) -> None:
    cards = tuple(Gpu(f"id{number}", "X", hashrate=number, temperature=60) for number in range(3))
    heard(store, birth(), report(msgspec.structs.replace(FULL, gpus=cards)))
    gpus = series(ada)["gpus"]
    assert [(card["id"], card["lines"]["hashrate"]) for card in gpus["cards"]] == [
        ("id0", [None, 0, None]),
        ("id1", [None, 1, None]),
        ("id2", [None, 2, None]),
    ]
    assert text(between(page(ada, RIG), '<table class="gpus"', "</table>")).count("X id") == 3


def test_a_history_is_sent_again_when_it_has_changed_or_moved_on(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    heard(store, birth(), report(FULL))
    path = f"{RIG}/series?range=1h"
    etag = ask(ada, path=path)[1]
    assert ask(ada, etag, path)[0] == 304
    assert ask(ada, etag, f"{RIG}/series?range=7d")[0] == 200
    heard(store, report(sample(START - MINUTE, hashrate=1)))
    status, etag, _ = ask(ada, etag, path)
    assert status == 200
    clock.move(20)
    assert ask(ada, etag, path)[0] == 200


def test_whoever_looks_closer_gets_every_sample(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    clock.move(3600)
    moments = [START - second * 1000 for second in range(600)]
    heard(store, birth(interval=1), *[report(sample(at, hashrate=1), sent_at=START) for at in moments])
    seconds = START // 1000
    answer = ada.get(f"{RIG}/series?from={seconds - 100}&to={seconds}")
    made = json.loads(answer.text)
    assert made["lines"]["hashrate"] == [None, *[1.0] * 101, None]
    assert ask(ada, answer.headers["ETag"], f"{RIG}/series?from={seconds - 100}&to={seconds}")[0] == 304
    for wrong in (
        "from=1",
        f"from={seconds}&to={seconds + 5}",
        "from=x&to=9",
        "from=-5&to=99",
        "from=0&to=1" + "0" * 30,
    ):
        refused = ada.get(f"{RIG}/series?{wrong}")
        assert refused.status_code == 400, wrong


def test_everything_that_is_kept_is_shown(ada: FlaskClient, store: Store) -> None:
    days = [START - day * 24 * 60 * MINUTE for day in range(40)]
    heard(store, birth(), *[report(sample(at, hashrate=100), sent_at=START) for at in days])
    made = series(ada, "all")
    assert made["at"][0] <= days[-1] / 1000
    assert made["samples"] == 40
    assert series(ada, "7d")["samples"] == 8


def test_the_fleet_has_a_history_too(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    for name in ("a", "b"):
        store.take([rig(name).heard(birth()), rig(name).heard(report(sample(START - MINUTE, hashrate=50)))])
    made = json.loads(ada.get("/series?range=1h").text)
    assert made["lines"] == {"hashrate": [None, 100, None], "nodes": [None, 2, None]}
    etag = ada.get("/series").headers["ETag"]
    assert ask(ada, etag, "/series")[0] == 304
    clock.move(60)
    assert ask(ada, etag, "/series")[0] == 200


def test_samples_are_due_at_the_interval_that_the_node_had(ada: FlaskClient, store: Store) -> None:
    day = START - 24 * 3_600_000
    store.take([rig().heard(birth(interval=60), day)])
    for first in range(0, 1440, 480):
        kept = [sample(day + minute * 60_000, hashrate=1) for minute in range(first, first + 480)]
        store.take([rig().heard(report(*kept, sent_at=kept[-1].at), kept[-1].at)])
    # Just now somebody set it to report twice as often.
    store.take([rig().heard(birth(2, interval=30), START - 1), rig().heard(goodbye(2), START)])
    made = ada.get("/node/main/rig1/series?range=24h").get_json()
    assert (made["samples"], made["due"], made["missing"]) == (1440, 1440, 0)
    store.take([rig().heard(birth(3, interval=0.5), START)])
    made = ada.get("/node/main/rig1/series?range=24h").get_json()
    assert made["missing"] == 0


def test_a_chart_marks_restarts_and_what_is_mined_from_then_on(ada: FlaskClient, store: Store) -> None:
    def taken(ago: Millis, uptime: float, miner: str, pool: str = "eu.pool:1") -> Sample:
        at = START - ago * MINUTE
        return Sample(n=at, at=at, hashrate=1, uptime=uptime, miner=Miner(miner, "6"), pool=pool)

    samples = [
        taken(9, 100, "XMRig"),
        taken(7, 220, "XMRig"),
        taken(5, 10, "T-Rex"),
        taken(3, 130, "T-Rex", "us.pool:1"),
    ]
    heard(store, birth(), report(*samples))
    made = ada.get(f"{RIG}/series?range=1h").get_json()
    assert [(each["kind"], each["text"], round(START / 1000 - each["at"])) for each in made["events"]] == [
        ("miner", "T-Rex 6", 300),
        ("restart", "", 300),
        ("pool", "us.pool:1", 180),
    ]
    seconds = START // 1000
    assert ada.get(f"{RIG}/series?from={seconds - 250}&to={seconds}").get_json()["events"][0]["kind"] == "pool"


def test_incidents_are_marked_on_the_chart_of_their_node_and_critical_ones_on_the_fleets(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    driver = Driver(store, clock)
    driver.tick()
    driver.hear(birth(), rig())
    etag = ada.get("/series").headers["ETag"]
    driver.hear(will(), rig())
    driver.tick(10)
    for path in (f"{RIG}/series", "/series"):
        (event,) = ada.get(path).get_json()["events"]
        assert (event["kind"], event["text"], event["number"]) == ("incident", "lost", 1)
        assert event["where"] == ("main/rig1" if path == "/series" else "")
    assert ask(ada, etag, "/series")[0] == 200


def test_a_stretch_of_the_fleets_past_is_whole_minutes(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    clock.move(3600)
    heard(store, birth(), *[report(sample(START - ago * MINUTE, hashrate=ago), sent_at=START) for ago in range(30)])
    seconds = START // 1000
    made = ada.get(f"/series?from={seconds - 600}&to={seconds}").get_json()
    assert (made["since"], made["until"]) == (seconds - 600, seconds)
    assert [rate for rate in made["lines"]["hashrate"] if rate is not None] == [10, 9, 8, 7, 6, 5, 4, 3, 2, 1]


def test_nodes_are_compared_in_one_figure(ada: FlaskClient, store: Store) -> None:
    for name, rate in (("a", 50), ("b", 70)):
        store.take([rig(name).heard(birth()), rig(name).heard(report(sample(START - MINUTE, hashrate=rate)))])
    html = page(ada, "/compare?node=main/a&node=main/b&node=main/gone&figure=hashrate")
    assert 'value="main/a" checked' in html
    assert "not there" in html
    assert (
        'data-series="/compare/series?node=main%2Fa&amp;node=main%2Fb&amp;node=main%2Fgone&amp;figure=hashrate"' in html
    )
    made = ada.get("/compare/series?node=main/a&node=main/b&node=main/gone").get_json()
    drawn = {each["title"]: [rate for rate in each["values"] if rate] for each in made["compared"]}
    assert (made["figure"], drawn) == ("hashrate", {"a": [50], "b": [70]})
    many = "&".join(f"node=main/rig{number}" for number in range(9))
    for wrong in (many, "figure=luck", "node=main/a&range=ever"):
        assert ada.get(f"/compare?{wrong}").status_code == 400
    assert ada.get("/compare?node=nothing").status_code == 404
    assert "Name the nodes" in page(ada, "/compare")


def test_what_the_plug_of_a_lost_node_says_is_no_figure_of_before(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    heard(store, birth(), report(FULL), will())
    state = PlugState(watts=9.0, watts_at=clock.now(), is_online=True)
    with store.write() as tx:
        devices.add(tx, PlugFacts("plug7", "tasmota", "tele/plug7", nodes=(rig().id,)))
        devices.say(tx, {"plug7": state}, clock.now())
    figures = between(page(ada, RIG), 'class="figures stale"', "</section>")
    assert re.findall(r'<h2>([^<]+)</h2>\s*<p class="big [^"]* now">(\d+)', figures) == [("At the wall", "9")]
