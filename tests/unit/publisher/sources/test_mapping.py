from typing import Any

import pytest

from publisher.sources.answers import Answers
from publisher.sources.mapping import Chart, Expression, PathContext, metrics, reading_of, records, walked
from publisher.sources.reading import Reading, SourceError
from rigwatch.figures import AlgorithmFigures, Gpu, Miner

DOCUMENT: dict[str, Any] = {
    "total": {"rate": "61.5", "a.b": 7, "two words": 8},
    "gpus": [
        {"pci": "0000:01:00.0", "rate": 30, "temp": 61, "watt": 120},
        {"pci": "0a:00.0", "rate": 31.5, "temp": 64, "watt": 118},
    ],
    "by": {"x": {"n": 1}, "y": {"n": 2}},
    "shares": [10, 1],
    "synced": True,
}
PROMETHEUS = """
# HELP miner_rate Hashes
miner_rate{gpu="0",algo="kaspa"} 1.5e6
miner_rate{gpu="1",algo="kaspa"} 2e6 1700000000
power_watts 230
broken{ x
up NaN
"""


def _reading(
    figures: dict[str, str], document: object = DOCUMENT, form: str = "json", **tables: dict[str, str]
) -> Reading:
    return reading_of(Chart.of({"figures": figures, **tables}, form=form), document, Answers("what came"), form=form)


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("total.rate", ["61.5"]),
        ('total."a.b"', [7]),
        ('total."two words"', [8]),
        ("gpus[1].temp", [64]),
        ("gpus[].temp", [61, 64]),
        ("gpus[7].temp", []),
        ("by.*.n", [1, 2]),
        ("shares[]", [10, 1]),
        ("nothing.here", []),
        ("total[0]", []),
        ("/shares[#]", [1]),
        ("gpus[@].temp", [61]),
    ],
)
def test_a_path_leads_to_its_values(path: str, values: list[Any]) -> None:
    assert walked(DOCUMENT, path, PathContext(DOCUMENT, card=1, algorithm=0)) == values


def test_figures_come_in_their_units_and_lists_of_them_add_up_or_are_the_highest() -> None:
    reading = _reading(
        {
            "hashrate": "gpus[].rate MH/s",
            "temperature": "gpus[].temp",
            "power": "gpus[].watt W",
            "accepted": "shares[0]",
            "uptime": "shares[0] min",
            "syncing": "synced not",
            "block": "total.rate",
        }
    )
    assert reading == Reading(
        hashrate=61.5e6, temperature=64.0, power=238.0, accepted=10, uptime=600.0, syncing=False, block=62
    )


@pytest.mark.parametrize(
    ("text", "figure", "factor"),
    [
        ("a.b MH/s", "hashrate", 1e6),
        ("a.b khs", "hashrate", 1e3),
        ("a.b Sol/s", "hashrate", 1.0),
        ("a mW", "power", 1e-3),
        ("a.b", "power", 1.0),
        ("a ms", "last_share_at", 1.0),
        ("a ratio", "fan", 100.0),
    ],
)
def test_a_unit_stands_behind_the_path(text: str, figure: str, factor: float) -> None:
    assert Expression.parse(text, figure).factor == factor


def test_degrees_fahrenheit_are_put_right() -> None:
    assert _reading({"temperature": "t F"}, {"t": 212}).temperature == pytest.approx(100)


@pytest.mark.parametrize(
    ("figures", "form", "text"),
    [
        ({"hashrat": "x"}, "json", "figures: there is no figure 'hashrat'; known: accepted, algorithm"),
        ({"boards": "x"}, "json", "figures: there is no figure 'boards'"),
        ({"hashrate": "x Mh"}, "json", "'Mh' is no unit of it"),
        ({"hashrate": "two words"}, "json", "a name with blanks stands in quotes"),
        ({"hashrate": " "}, "json", "figures.hashrate: should say where the figure stands"),
        ({"hashrate": "rate: ("}, "text", "figures.hashrate: is not a regular expression"),
    ],
)
def test_a_chart_that_is_none_is_refused_in_words(figures: dict[str, str], form: str, text: str) -> None:
    with pytest.raises(ValueError, match=text):
        Chart.of({"figures": figures}, form=form)


def test_one_figure_that_cannot_be_read_costs_that_figure_and_is_named() -> None:
    reading = _reading({"hashrate": "total.rate MH/s", "power": "gpus"})
    assert (reading.hashrate, reading.power) == (61.5e6, None)
    assert reading.odd == ("gpus: expected number, got array",)


def test_a_sum_of_which_one_part_is_not_known_is_not_known() -> None:
    assert _reading({"hashrate": "g[].r", "peers": "p"}, {"g": [{"r": 1}, {"r": None}], "p": 1}).hashrate is None


def test_an_answer_without_any_of_the_figures_is_an_error() -> None:
    with pytest.raises(SourceError, match="none of the figures stands where the settings say"):
        _reading({"hashrate": "x.y"})


def test_cards_have_their_place_in_any_spelling_and_figures_from_lists_beside() -> None:
    document = {"cards": [{"bus": 10, "t": 60}, {"bus": "0b:00.0", "t": 62}], "rates": [1, 2], "total": 3}
    cards = {"each": "cards[]", "id": "bus", "temperature": "t", "hashrate": "/rates[#] MH/s"}
    reading = _reading({"hashrate": "total MH/s"}, document, cards=cards)
    assert reading.gpus == (
        Gpu("0000:0a:00.0", hashrate=1e6, temperature=60.0),
        Gpu("0000:0b:00.0", hashrate=2e6, temperature=62.0),
    )
    assert reading.temperature == 62


def test_several_algorithms_have_their_own_figures_and_the_settings_may_name_one() -> None:
    document = {"algos": [{"n": "Ethash", "r": 60, "ok": 3}, {"n": "Kaspa", "r": 500, "ok": 9}]}
    chart = Chart.of({"algorithms": {"each": "algos[]", "name": "n", "hashrate": "r MH/s", "accepted": "ok"}})
    reading = reading_of(chart, document, Answers("x"))
    assert (reading.hashrate, reading.algorithm) == (60e6, "ethash")
    assert reading.algorithms == {"ethash": AlgorithmFigures(60e6, 3), "kaspa": AlgorithmFigures(500e6, 9)}
    assert reading_of(chart, document, Answers("x"), algorithm="kaspa").hashrate == 500e6


def test_prometheus_text_is_read_by_names_and_labels() -> None:
    assert len(metrics(PROMETHEUS)) == 4
    reading = _reading({"hashrate": "miner_rate", "power": "power_watts"}, PROMETHEUS, "prometheus")
    assert (reading.hashrate, reading.power) == (3.5e6, 230)
    one = _reading({"hashrate": 'miner_rate{gpu="1"}'}, PROMETHEUS, "prometheus")
    assert one.hashrate == 2e6


def test_text_is_read_by_regular_expressions_the_last_match_counts() -> None:
    log = "Speed: 10.5 MH/s\nAccepted: 3\nSpeed: 11.5 MH/s\n"
    reading = _reading({"hashrate": r"Speed: ([\d.]+) MH/s", "accepted": r"Accepted: (\d+)"}, log, "text")
    assert (reading.hashrate, reading.accepted) == (11.5e6, 3)


def test_pairs_are_read_as_tables() -> None:
    text = "NAME=ccminer;VER=2.3.1;KHS=123.45;ACC=7|GPU=0;TEMP=61.0|"
    assert records(text)[1] == {"GPU": "0", "TEMP": "61.0"}
    reading = _reading({"hashrate": "[0].KHS kH/s", "miner": "[0].NAME", "version": "[0].VER"}, text, "pairs")
    assert (reading.hashrate, reading.miner) == (123450, Miner("ccminer", "2.3.1"))
