"""The wall says first what is wrong, and nothing that nobody needs."""

import re

from flask.testing import FlaskClient

from rigwatch.figures import Gpu
from rigwatch.messages import Sample
from store import Store
from tests.fake_clock import START, FakeClock
from tests.integration.web.test_overview import ask, between, page, text
from tests.rigs import birth, goodbye, report, rig, sample, will


def titles(html: str, group: str) -> list[str]:
    part = between(html, f'class="tiles {group}"', "</ul>")
    return re.findall(r'<p class="title"><a href="[^"]*">([^<]*)', part)


def there(store: Store, name: str, site: str = "main", **figures: object) -> None:
    made = rig(name, site)
    reported = Sample(n=START, at=START, hashrate=1000, errors={"miner": "away"} if figures else {})
    store.take([made.heard(birth()), made.heard(report(reported))])


def test_without_a_node_it_tells_the_next_step(ada: FlaskClient) -> None:
    assert "rigwatch enroll NAME" in page(ada, "/wall")


def test_when_all_is_well_it_says_so(ada: FlaskClient, store: Store) -> None:
    there(store, "a")
    there(store, "b")
    html = page(ada, "/wall")
    assert 'data-theme="dark"' in html
    assert "All is well" in html
    assert titles(html, "calm") == ["a", "b"]
    assert "2.00 kH/s" in text(between(html, "<h2>Hashrate</h2>", "</div>"))
    assert 'data-theme="light"' in page(ada, "/wall?theme=light")


def test_what_is_wrong_comes_first_with_its_reason_and_its_age(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    there(store, "well")
    there(store, "sick", errors=True)
    there(store, "gone")
    there(store, "off")
    store.take([rig("gone").heard(will()), rig("off").heard(goodbye())])
    clock.move(5)
    html = page(ada, "/wall")
    assert titles(html, "trouble") == ["gone", "sick"]
    assert titles(html, "calm") == ["off", "well"]
    trouble = text(between(html, 'class="tiles trouble"', "</ul>"))
    assert "lost for 5 s gone" in trouble
    assert "degraded 5 s ago sick main · host1 miner: away" in trouble
    assert "All is well" not in html
    assert "<title>(1 lost)" in html


def test_sites_are_shown_where_there_are_several_and_one_can_be_chosen(ada: FlaskClient, store: Store) -> None:
    there(store, "a", "attic")
    there(store, "b", "attic")
    there(store, "c", "cellar")
    store.take([rig("c", "cellar").heard(will())])
    html = page(ada, "/wall")
    assert titles(html, "sites") == ["attic", "cellar"]
    assert "0 of 1 up" in text(html)
    alone = page(ada, "/wall?site=attic")
    assert titles(alone, "calm") == ["a", "b"]
    assert "cellar" not in alone
    assert 'data-live="/wall/live?site=attic"' in alone


def test_of_a_large_fleet_only_what_is_wrong_and_the_sites_are_shown(ada: FlaskClient, store: Store) -> None:
    rigs = [rig(f"rig{number}", f"site{number % 3}") for number in range(200)]
    store.take([each.heard(birth()) for each in rigs])
    store.take([each.heard(will()) for each in rigs[:30]])
    html = page(ada, "/wall")
    assert len(titles(html, "trouble")) == 18
    assert "and 12 more" in html
    assert titles(html, "calm") == []
    assert len(titles(html, "sites")) == 3
    assert html.count('<svg class="heat"') == 3
    assert sum(part.split('"')[0].count("M") for part in html.split(' d="')[1:]) == 200
    assert page(ada, "/wall?site=site1").count('<svg class="heat"') == 1


def test_it_tells_power_and_temperature_of_all_and_of_each(ada: FlaskClient, store: Store) -> None:
    for name, celsius in (("a", 60), ("b", 82), ("gone", 95)):
        made = rig(name)
        store.take(
            [
                made.heard(birth()),
                made.heard(report(Sample(n=START, at=START, hashrate=1000, temperature=celsius, power=6000))),
            ]
        )
    store.take([rig("gone").heard(will())])
    html = page(ada, "/wall")
    heads = text(between(html, 'aria-label="Summary"', "</section>"))
    assert "Power12.0 kW" in heads
    assert "Hottest82 °Cb" in heads
    assert "b1.00 kH/s 82 °C · 6,000 W" in text(between(html, 'class="tiles calm"', "</ul>"))
    assert 'class="degrees orange">82 °C' in html


def test_a_hot_card_is_the_hottest_whatever_its_node_says(ada: FlaskClient, store: Store) -> None:
    hot, cool = Gpu("1", temperature=97), Gpu("0", temperature=60)
    told = {
        "a": Sample(n=START, at=START, temperature=45, gpus=(cool, hot)),
        "b": Sample(n=START, at=START, gpus=(cool,)),
    }
    for name, measured in told.items():
        store.take([rig(name).heard(each) for each in (birth(), report(measured))])
    html = page(ada, "/wall")
    assert "Hottest97 °Ca" in text(between(html, 'aria-label="Summary"', "</section>"))
    assert '<p class="degrees red"><b>97</b>' in html
    calm = between(html, 'class="tiles calm"', "</ul>")
    assert 'class="degrees red">97 °C' in calm
    assert 'class="degrees green">60 °C' in calm


def test_what_nobody_measures_has_no_place_on_it(ada: FlaskClient, store: Store) -> None:
    there(store, "a")
    html = page(ada, "/wall")
    assert "Power" not in html
    assert "Hottest" not in html


def test_it_is_sent_once_per_change(ada: FlaskClient, store: Store) -> None:
    there(store, "a")
    etag = ask(ada, path="/wall/live")[1]
    assert ask(ada, etag, "/wall/live")[0] == 304
    store.take([rig("a").heard(will())])
    assert "lost" in ask(ada, etag, "/wall/live")[2]


def test_without_a_subscriber_it_says_that_nothing_is_known(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    store.take([rig("a").heard(birth()), rig("a").heard(report(sample(hashrate=1)))])
    clock.move(11)
    html = page(ada, "/wall")
    assert "Status unknown" in html
    assert "All is well" not in html
