from typing import Any

import pytest

from publisher.sources.reading import Reading, checked
from publisher.summary import Gathered, Read, failure, merged_cards, summarise
from rigwatch.figures import GPUS_MAX, AlgorithmFigures, Gpu, Miner

CARD = "0000:01:00.0"


def _gathered(source: str, *readings: Reading | str) -> Gathered:
    """A text is a failed read."""
    return Gathered(source, tuple(Read(error=r) if isinstance(r, str) else Read(r) for r in readings))


def test_what_is_measured_is_a_mean() -> None:
    readings = [Reading(hashrate=v, temperature=v, power=v, fan=v, cpu=v, pool_latency=v) for v in (10.0, 20.0, 60.0)]
    figures = summarise([_gathered("a", *readings)]).figures
    assert figures == Reading(hashrate=30.0, temperature=30.0, power=30.0, fan=30.0, cpu=30.0, pool_latency=30.0)


def test_everything_else_is_the_last() -> None:
    first = Reading(peers=1, block=1, block_hash="a", accepted=1, uptime=1.0, syncing=True, pool="p", last_share_at=1)
    last = Reading(peers=2, block=2, block_hash="b", accepted=2, uptime=2.0, syncing=False, miner=Miner(name="m"))
    figures = summarise([_gathered("a", first, last)]).figures
    assert (figures.peers, figures.block, figures.block_hash, figures.accepted) == (2, 2, "b", 2)
    assert (figures.uptime, figures.syncing, figures.miner) == (2.0, False, Miner(name="m"))
    assert (figures.pool, figures.last_share_at) == ("p", 1)


def test_a_measured_zero_counts_in_a_mean_and_an_unknown_does_not() -> None:
    assert summarise([_gathered("a", Reading(hashrate=0.0), Reading(), Reading(hashrate=8.0))]).figures.hashrate == 4.0


def test_what_nobody_knows_is_absent() -> None:
    assert summarise([_gathered("a", Reading())]).figures == Reading()


def test_the_source_listed_first_wins() -> None:
    miner, host = Reading(temperature=60.0), Reading(temperature=40.0, cpu=5.0)
    assert summarise([_gathered("miner", miner), _gathered("host", host)]).figures == Reading(temperature=60.0, cpu=5.0)
    assert summarise([_gathered("host", host), _gathered("miner", miner)]).figures.temperature == 40.0


def test_a_source_that_fails_gives_its_error_and_no_figure() -> None:
    summary = summarise([_gathered("a", Reading(hashrate=1.0), "no", "no answer"), _gathered("b", Reading(peers=3))])
    assert summary.errors == {"a": "no answer (2 reads in a row)"}
    assert summary.figures == Reading(peers=3)


def test_when_the_first_fails_the_next_gives_the_figure() -> None:
    summary = summarise([_gathered("a", "no"), _gathered("b", Reading(hashrate=5.0))])
    assert (summary.figures.hashrate, summary.errors) == (5.0, {"a": "no"})


@pytest.mark.parametrize(
    ("reads", "failing"),
    [
        (["x"], "x"),
        (["x", "y"], "y"),
        ([Reading(), "x"], ""),
        ([Reading(), "x", "y"], "y"),
        (["x", "y", Reading()], ""),
        (["x", Reading(), "y"], ""),
        ([], ""),
    ],
)
def test_one_bad_read_among_good_ones_is_no_failure(reads: list[Reading | str], failing: str) -> None:
    assert failure(_gathered("a", *reads).reads) == failing


def test_an_error_fits_into_a_sample() -> None:
    long = "line one\nline two " + "x" * 500
    text, tried = (summarise([_gathered("a", *[long] * times)]).errors["a"] for times in (1, 3))
    assert text.startswith("line one line two xxx")
    assert tried.startswith("line one line two xxx")
    assert tried.endswith("x… (3 reads in a row)")
    assert len(text) == len(tried) == 200


def test_cards_have_their_own_means_and_only_the_cards_of_the_last_reading_stay() -> None:
    first = (Gpu(id="a", hashrate=10.0, temperature=50.0), Gpu(id="gone", hashrate=99.0))
    last = (Gpu(id="b", hashrate=7.0), Gpu(id="a", name="New", hashrate=20.0))
    gpus = summarise([_gathered("s", Reading(gpus=first), Reading(gpus=last))]).figures.gpus
    assert gpus == (Gpu(id="b", hashrate=7.0), Gpu(id="a", name="New", hashrate=15.0, temperature=50.0))


def test_a_card_of_two_sources_is_one_and_the_source_listed_first_wins() -> None:
    miner = Reading(gpus=(Gpu(id=CARD, name="RTX 3080", hashrate=9e7, temperature=60.0),))
    driver = Reading(gpus=(Gpu(id=CARD, name="NVIDIA GeForce RTX 3080", temperature=61.0, power=220.0),))
    for gathered, temperature, name in (
        ([_gathered("miner", miner), _gathered("nvml", driver)], 60.0, "RTX 3080"),
        ([_gathered("nvml", driver), _gathered("miner", miner)], 61.0, "NVIDIA GeForce RTX 3080"),
    ):
        gpus = summarise(gathered).figures.gpus
        assert gpus == (Gpu(id=CARD, name=name, hashrate=9e7, temperature=temperature, power=220.0),)


def test_cards_of_several_lists_are_there_once_in_the_order_in_which_they_are_told() -> None:
    miner = [Gpu(id="b", hashrate=2.0), Gpu(id="a", hashrate=0.0, temperature=50.0)]
    driver = [Gpu(id="a", name="RTX", hashrate=7.0, temperature=51.0, fan=30.0), Gpu(id="c", power=9.0)]
    assert merged_cards([miner, driver]) == (
        Gpu(id="b", hashrate=2.0),
        Gpu(id="a", name="RTX", hashrate=0.0, temperature=50.0, fan=30.0),
        Gpu(id="c", power=9.0),
    )


def test_no_more_cards_than_a_sample_may_hold() -> None:
    lists = [[Gpu(id=f"{number} {number_of_list}") for number in range(40)] for number_of_list in range(2)]
    assert len(merged_cards(lists)) == GPUS_MAX


def test_a_source_that_lacks_something_gives_its_error_and_its_figures() -> None:
    source = _gathered("nvml", Reading(power=1.0, lacks="a card\nhas gone"))
    summary = summarise([source, _gathered("host", Reading(power=2.0))])
    assert summary.errors == {"nvml": "a card has gone"}
    assert summary.figures == Reading(power=1.0)


def test_what_was_lacking_and_is_back_by_the_end_of_the_interval_is_no_error() -> None:
    assert summarise([_gathered("nvml", Reading(lacks="gone"), Reading())]).errors == {}
    assert summarise([_gathered("nvml", Reading(), Reading(lacks="gone"), "hiccup")]).errors == {"nvml": "gone"}


@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf"), 1e30])
def test_a_figure_that_cannot_be_one_is_left_out_and_the_rest_stays(value: float) -> None:
    reading = checked(Reading(power=value, peers=3))
    assert (reading.power, reading.peers, reading.lacks) == (None, 3, "")
    assert reading.odd == (f"power: {value!r} cannot be",)


def test_that_the_hashrate_cannot_be_read_is_a_failure_as_well() -> None:
    reading = checked(Reading(hashrate=-5.0, temperature=60.0))
    assert (reading.hashrate, reading.temperature) == (None, 60)
    assert reading.lacks == "hashrate: -5.0 cannot be"


def test_a_miner_whose_hashrate_is_not_known_fails_with_what_could_not_be_read() -> None:
    odd = ("Algorithms[0].Total_Performance: not a number",)
    assert checked(Reading(miner=Miner("lolMiner"), accepted=3, odd=odd)).lacks == odd[0]
    assert checked(Reading(miner=Miner("lolMiner"), hashrate=1.0, odd=odd)).lacks == ""


@pytest.mark.parametrize("warmth", [127.0, 255.0, 511.0, 999.0, -99.0])
def test_what_no_sensor_measures_is_no_temperature(warmth: float) -> None:
    assert checked(Reading(temperature=warmth, peers=1)).temperature is None


def test_a_wrong_figure_of_a_card_costs_that_figure_and_is_named() -> None:
    reading = checked(Reading(gpus=(Gpu(id="a", fan=-1.0, power=120.0),)))
    assert reading.gpus == (Gpu(id="a", power=120.0),)
    assert reading.odd == ("gpus[a].fan: -1.0 cannot be",)


def test_what_is_odd_is_told_of_its_source_and_no_error() -> None:
    summary = summarise([_gathered("trex", Reading(peers=1, odd=("power: 429496736 cannot be",)))])
    assert summary.errors == {}
    assert summary.odd == {"trex": "power: 429496736 cannot be"}


def _mining(rate: float, algorithm: str | None = None, **figures: Any) -> Reading:  # noqa: ANN401 - a Reading's own
    return Reading(hashrate=rate, algorithm=algorithm, **figures)


def test_rates_and_shares_of_one_algorithm_add_up_and_power_does() -> None:
    first = _mining(
        60e6, "etchash", accepted=10, rejected=1, power=200.0, temperature=60.0, gpus=(Gpu("a", power=200),)
    )
    second = _mining(30e6, "etchash", accepted=5, power=100.0, temperature=70.0, gpus=(Gpu("b", power=100),))
    figures = summarise([_gathered("trex", first), _gathered("trex-2", second)]).figures
    assert (figures.hashrate, figures.accepted, figures.rejected) == (90e6, 15, 1)
    assert (figures.power, figures.temperature, figures.algorithm, figures.algorithms) == (300, 70, "etchash", None)
    assert [gpu.id for gpu in figures.gpus or ()] == ["a", "b"]


def test_rates_of_two_algorithms_do_not_add_up_and_each_has_its_own() -> None:
    xmrig = _mining(9000.0, "rx/0", accepted=3)
    trex = _mining(60e6, "etchash", accepted=10, power=200.0)
    figures = summarise([_gathered("trex", trex), _gathered("xmrig", xmrig)]).figures
    assert (figures.hashrate, figures.algorithm, figures.power) == (60e6, "etchash", 200)
    assert figures.algorithms == {"etchash": AlgorithmFigures(60e6, 10), "rx/0": AlgorithmFigures(9000.0, 3)}


def test_dual_mining_and_a_miner_of_one_of_the_two_add_up_where_they_are_the_same() -> None:
    works = {"etchash": AlgorithmFigures(60e6, 10), "kaspa": AlgorithmFigures(500e6, 20)}
    dual = _mining(60e6, "etchash", accepted=10, algorithms=works)
    figures = summarise([_gathered("rigel", dual), _gathered("bzminer", _mining(200e6, "kaspa", accepted=7))]).figures
    assert figures.algorithms == {"etchash": AlgorithmFigures(60e6, 10), "kaspa": AlgorithmFigures(700e6, 27)}
    assert (figures.hashrate, figures.accepted) == (60e6, 10)


def test_a_card_that_two_miners_work_on_draws_its_power_once() -> None:
    both = [_mining(rate, name, power=200.0, gpus=(Gpu("a", power=200),)) for rate, name in ((1.0, "x"), (2.0, "y"))]
    assert summarise([_gathered("trex", both[0]), _gathered("rigel", both[1])]).figures.power == 200


@pytest.mark.parametrize("label", ["hiveos", "jsonrpc", "monerod"])
def test_who_tells_of_anothers_miner_does_not_add_to_it(label: str) -> None:
    figures = summarise([_gathered("trex", _mining(60e6, "etchash")), _gathered(label, _mining(60e6))]).figures
    assert (figures.hashrate, figures.algorithms) == (60e6, None)


def test_each_miner_is_seen_to_fail_by_itself_and_the_others_are_told_of() -> None:
    summary = summarise([_gathered("trex", "Connection refused"), _gathered("trex-2", _mining(30e6, "etchash"))])
    assert (summary.figures.hashrate, summary.errors) == (30e6, {"trex": "Connection refused"})


def test_a_rate_is_the_mean_since_the_miner_turned_to_another_algorithm() -> None:
    readings = [_mining(60e6, "etchash"), _mining(500e6, "kaspa"), _mining(520e6, "kaspa")]
    figures = summarise([_gathered("nicehash", *readings)]).figures
    assert (figures.hashrate, figures.algorithm) == (510e6, "kaspa")


def test_a_source_that_failed_and_was_not_read_since_still_fails() -> None:
    failing = {"a": "refused", "gone": "refused"}
    unread = summarise([_gathered("a"), _gathered("b", Reading(peers=2))], failing=failing)
    assert (unread.errors, unread.figures) == ({"a": "refused"}, Reading(peers=2))
    assert summarise([_gathered("a", Reading(peers=3))], failing=failing).errors == {}
    assert summarise([_gathered("a", "timed out")], failing=failing).errors == {"a": "timed out"}
