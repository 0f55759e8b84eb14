"""What a node usually does for each algorithm: the hours that count, and the median of them."""

from alerts.pace import Pace, paced, rates
from alerts.rule import HOUR
from rigwatch.figures import AlgorithmFigures
from rigwatch.messages import Sample


def sample(hour: float, rate: float | None, algorithm: str | None = "ethash") -> Sample:
    return Sample(n=1, at=round(hour * HOUR), hashrate=rate, algorithm=algorithm)


def walked(*samples: Sample) -> tuple[Pace, ...]:
    paces: tuple[Pace, ...] = ()
    for each in samples:
        paces = paced(paces, each)
    return paces


def test_an_hour_counts_by_its_mean_once_it_is_over() -> None:
    (pace,) = walked(sample(5, 10.0), sample(5.5, 20.0), sample(5.9, 33.0))
    assert (pace.hour, pace.count, pace.total, pace.hours) == (5, 3, 63.0, ())
    (pace,) = walked(sample(5, 10.0), sample(5.5, 20.0), sample(6, 7.0))
    assert (pace.hour, pace.count, pace.total, pace.hours) == (6, 1, 7.0, (15.0,))
    # Kept in four digits.
    assert walked(sample(5, 123456.0), sample(6, 1.0))[0].hours == (123500.0,)


def test_three_hours_say_what_is_usual() -> None:
    (two,) = walked(*(sample(hour, 10.0) for hour in (1, 2, 3)))
    assert (two.hours, two.baseline) == ((10.0, 10.0), None)
    (three,) = walked(*(sample(hour, rate) for hour, rate in ((1, 10.0), (2, 90.0), (3, 20.0), (4, 1.0))))
    assert three.baseline == 20.0


def test_the_last_day_of_hours_is_kept() -> None:
    (pace,) = walked(*(sample(hour, float(hour)) for hour in range(1, 31)))
    assert pace.hours == tuple(float(hour) for hour in range(6, 30))


def test_a_pace_that_has_just_begun_has_no_hour() -> None:
    new = Pace("ethash")
    assert (new.hour, new.count, new.total, new.hours, new.baseline) == (0, 0, 0.0, (), None)
    assert walked(sample(0, 5.0), sample(0.5, 7.0))[0] == Pace("ethash", 0, 2, 12.0)


def test_eight_algorithms_are_kept_those_mined_last() -> None:
    names = [f"algorithm{number}" for number in range(9)]
    paces = walked(*(sample(1, 1.0, name) for name in names), sample(1, 1.0, names[2]))
    assert [each.algorithm for each in paces] == [names[1], *names[3:], names[2]]


def test_rates_are_those_of_each_algorithm_that_is_known() -> None:
    assert rates(sample(1, None)) == []
    assert rates(sample(1, 5.0, None)) == []
    assert rates(sample(1, 5.0)) == [("ethash", 5.0)]
    works = {"a": AlgorithmFigures(hashrate=1.0), "b": AlgorithmFigures(accepted=3)}
    assert rates(Sample(n=1, at=1, hashrate=5.0, algorithm="a", algorithms=works)) == [("a", 1.0)]
    assert paced((Pace("x"),), sample(1, None)) == (Pace("x"),)
