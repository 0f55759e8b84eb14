"""What nodes make together: algorithm by algorithm, never one figure of several."""

from alerts.totals import AlgorithmTotal, hashrates, said
from alerts.words import hashrate
from rigwatch.figures import AlgorithmFigures
from rigwatch.messages import Sample


def mining(rate: float | None, algorithm: str | None = None, **works: float | None) -> Sample:
    algorithms = {name: AlgorithmFigures(each) for name, each in works.items()} or None
    return Sample(n=1, at=1, hashrate=rate, algorithm=algorithm, algorithms=algorithms)


def test_nodes_of_one_algorithm_add_up() -> None:
    of = hashrates([mining(60e6, "ethash"), mining(40e6, "ethash"), mining(None), mining(None, "rx/0")])
    assert (of.total, of.nodes, of.mixed) == (100e6, 2, False)
    assert of.by_algorithm == (AlgorithmTotal("ethash", 100e6, 2),)


def test_two_algorithms_are_never_added_up_and_the_one_of_most_nodes_comes_first() -> None:
    of = hashrates([mining(9e9, "kaspa"), mining(12e3, "rx/0"), mining(12.1e3, "rx/0")])
    assert (of.total, of.nodes, of.mixed) == (None, 3, True)
    assert of.by_algorithm == (AlgorithmTotal("rx/0", 24.1e3, 2), AlgorithmTotal("kaspa", 9e9, 1))
    assert said(of, hashrate) == "24.1 kH/s rx/0 · 9 GH/s kaspa"


def test_a_node_that_mines_two_at_a_time_counts_in_each_its_own_first() -> None:
    of = hashrates([mining(60e6, "etchash", autolykos2=200e6, etchash=60e6)])
    assert [each.algorithm for each in of.by_algorithm] == ["etchash", "autolykos2"]
    assert (of.total, of.nodes) == (None, 1)


def test_a_node_that_does_not_tell_its_algorithm_counts_with_the_others_only_where_they_agree() -> None:
    untold = mining(5e6)
    assert hashrates([untold, untold]).total == 10e6
    one = hashrates([untold, mining(60e6, "ethash")])
    assert (one.total, one.mixed) == (65e6, False)
    several = hashrates([untold, mining(60e6, "ethash"), mining(1e3, "rx/0")])
    assert several.total is None
    assert said(several, hashrate) == "60 MH/s ethash · 1 kH/s rx/0 · 5 MH/s unnamed"


def test_an_algorithm_is_one_however_it_is_spelt() -> None:
    of = hashrates([mining(60e6, "Ethash"), mining(40e6, " ETHASH ")])
    assert of.by_algorithm == (AlgorithmTotal("ethash", 100e6, 2),)


def test_a_rate_without_a_name_beside_named_ones_is_not_counted_twice() -> None:
    of = hashrates([mining(60e6, None, ethash=60e6)])
    assert of.total == 60e6
    assert hashrates([mining(60e6, "ethash", kaspa=None)]).total == 60e6


def test_nobodys_total_is_not_known_and_zero_is_zero() -> None:
    assert hashrates([mining(None)]).total is None
    assert hashrates([mining(0, "ethash")]).total == 0


def test_people_are_told_of_a_few_algorithms_and_how_many_more_there_are() -> None:
    of = hashrates([mining(1e3, f"a{number}") for number in range(9)])
    assert said(of, hashrate) == "1 kH/s a0 · 1 kH/s a1 · 1 kH/s a2 · 1 kH/s a3 · and 5 more"
    assert len(of.by_algorithm) == 9
    long = hashrates([mining(1e3, "x" * 200), mining(1e3, "\x1b[2J\u202ey")])
    assert said(long, hashrate) == f"1 kH/s \\x1b[2j\\u202ey · 1 kH/s {'x' * 23}…"
