"""A total is of one algorithm: on the overview, the wall, in the series, the API and the metrics."""

import json

from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from rigwatch.figures import AlgorithmFigures
from rigwatch.messages import Sample
from store import Store
from tests.fake_clock import START, FakeClock
from tests.integration.web.test_overview import MINUTE, between, page, text
from tests.rigs import birth, report, rig, sample

SEVERAL = "836.00 MH/s ethash · 24.10 kH/s rx/0"


def there(store: Store, name: str, rate: float, algorithm: str | None, *, site: str = "main") -> None:
    """A node that mines since more than an hour."""
    made, latest = rig(name, site), Sample(n=START, at=START, hashrate=rate, algorithm=algorithm)
    store.take([made.heard(birth()), made.heard(report(sample(START - 60 * MINUTE, hashrate=rate), latest))])


def two_algorithms(store: Store) -> None:
    there(store, "a", 400e6, "ethash")
    there(store, "b", 436e6, "ethash")
    there(store, "c", 24.1e3, "rx/0", site="cellar")


def total(html: str) -> str:
    return text(between(html, "<h2>Hashrate now</h2>", "</div>"))


def test_the_overview_gives_each_algorithm_its_total_and_compares_no_sum(ada: FlaskClient, store: Store) -> None:
    two_algorithms(store)
    html = page(ada)
    assert total(html) == f"{SEVERAL} from 3 of 3 nodes"
    assert "Totals per minute all algorithms added up" in text(html)


def test_where_one_algorithm_is_mined_or_none_is_told_the_total_is_one_figure(ada: FlaskClient, store: Store) -> None:
    there(store, "a", 400e6, "ethash")
    there(store, "b", 436e6, None)
    html = page(ada)
    assert total(html) == "836.00 MH/s from 2 of 2 nodes ±0 % against an hour ago"
    assert "added up" not in html


def test_a_node_that_mines_two_at_a_time_has_two_totals(ada: FlaskClient, store: Store) -> None:
    both = {"ethash": AlgorithmFigures(836e6), "rx/0": AlgorithmFigures(24.1e3)}
    latest = Sample(n=START, at=START, hashrate=836e6, algorithm="ethash", algorithms=both)
    store.take([rig().heard(birth()), rig().heard(report(latest))])
    assert total(page(ada)) == f"{SEVERAL} from 1 of 1 nodes"


def test_the_name_of_an_algorithm_is_no_markup(ada: FlaskClient, store: Store) -> None:
    there(store, "a", 1e6, "<b>x</b>")
    there(store, "b", 1e6, "y")
    for path in ("/", "/wall"):
        assert "&lt;b&gt;x&lt;/b&gt;" in page(ada, path)


def test_the_wall_adds_up_one_algorithm_and_a_site_that_mines_only_one_is_compared(
    ada: FlaskClient, store: Store
) -> None:
    two_algorithms(store)
    there(store, "d", 1e3, "rx/0")
    html = page(ada, "/wall")
    assert text(between(html, "<h2>Hashrate</h2>", "</div>")) == "836.00 MH/s ethash · 25.10 kH/s rx/0"
    sites = text(between(html, 'class="tiles sites"', "</ul>"))
    assert "836.00 MH/s ethash · 1.00 kH/s rx/0" in sites
    assert "24.10 kH/s" in sites
    cellar = page(ada, "/wall?site=cellar")
    assert text(between(cellar, "<h2>Hashrate</h2>", "</div>")) == "24.10 kH/s±0 % against an hour ago"


def test_the_fleets_chart_says_when_algorithms_are_added_up(ada: FlaskClient, store: Store, clock: FakeClock) -> None:
    there(store, "a", 400e6, "ethash")
    before = ada.get("/series")
    assert json.loads(before.text)["mixed"] is False
    clock.move(2)
    there(store, "c", 24.1e3, "rx/0")
    after = ada.get("/series", headers={"If-None-Match": before.headers["ETag"]})
    assert after.status_code == 200
    assert json.loads(after.text)["mixed"] is True


def test_the_api_gives_each_algorithm_its_total_and_no_sum_of_several(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    there(store, "a", 400e6, "ethash")
    there(store, "b", 5e6, None)
    now = ada.get("/api/v1/fleet").get_json()
    assert now["hashrate"] == 405e6
    assert now["by_algorithm"] == [
        {"algorithm": "ethash", "hashrate": 400e6, "nodes": 1},
        {"algorithm": None, "hashrate": 5e6, "nodes": 1},
    ]
    clock.move(2)
    two_algorithms(store)
    now = ada.get("/api/v1/fleet").get_json()
    assert now["hashrate"] is None
    assert {each["algorithm"]: each["hashrate"] for each in now["by_algorithm"]}["rx/0"] == 24.1e3


def test_the_metrics_have_a_total_for_each_algorithm_and_none_of_several(
    ada: FlaskClient, store: Store, clock: FakeClock
) -> None:
    there(store, "a", 400e6, "ethash")
    assert totals(ada) == {"": 400e6, "ethash": 400e6}
    clock.move(2)
    two_algorithms(store)
    assert totals(ada) == {"ethash": 836e6, "rx/0": 24.1e3}


def totals(client: FlaskClient) -> dict[str, float]:
    """By algorithm; that of all under an empty name."""
    wanted = {"rigwatch_hashes_per_second", "rigwatch_algorithm_hashes_per_second"}
    families = text_string_to_metric_families(client.get("/metrics").text)
    samples = [sample for family in families for sample in family.samples if sample.name in wanted]
    return {sample.labels.get("algorithm", ""): sample.value for sample in samples}
