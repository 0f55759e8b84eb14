import pytest

from publisher.sources.cards import Card, total, with_cards
from publisher.sources.reading import Reading
from rigwatch.figures import Gpu

HOT = Card(id="a", name="A", hashrate=2.0, temperature=70, memory_temperature=90, power=200, fan=60)
COOL = Card(id="b", name="B", hashrate=1.0, temperature=50, memory_temperature=80, power=100, fan=0)


def test_the_node_has_the_hottest_temperature_all_the_power_and_the_fastest_fan_of_its_cards() -> None:
    reading = with_cards(Reading(), [COOL, HOT])
    assert (reading.temperature, reading.power, reading.fan) == (70, 300, 60)


def test_what_is_known_of_the_node_itself_stays() -> None:
    reading = with_cards(Reading(power=450.0), [HOT])
    assert reading.power == 450


def test_power_that_one_card_does_not_tell_is_not_known_together() -> None:
    assert with_cards(Reading(), [HOT, Card(id="c")]).power is None


def test_a_card_without_identity_counts_and_is_not_listed() -> None:
    reading = with_cards(Reading(), [HOT, Card(id=None, temperature=80, power=100)])
    assert (reading.temperature, reading.power) == (80, 300)
    assert [gpu.id for gpu in reading.gpus or ()] == ["a"]


def test_without_any_identity_no_card_is_listed() -> None:
    assert with_cards(Reading(), [Card(id=None)]).gpus is None
    assert with_cards(Reading(), []) == Reading()


def test_a_card_is_listed_once() -> None:
    reading = with_cards(Reading(), [HOT, Card(id="a", hashrate=9.0)])
    assert [(gpu.id, gpu.hashrate) for gpu in reading.gpus or ()] == [("a", 2.0)]


@pytest.mark.parametrize("nothing", [0, -1])
def test_what_sensors_write_when_there_are_none_is_not_a_figure(nothing: int) -> None:
    card = Card(id="a", temperature=nothing, memory_temperature=nothing, power=nothing, fan=-1)
    assert with_cards(Reading(), [card]) == Reading(gpus=(Gpu(id="a"),))


def test_a_fan_that_stands_still_is_a_measured_0() -> None:
    assert with_cards(Reading(), [COOL]).fan == 0


def test_a_sum_is_known_when_every_part_is() -> None:
    assert total([1.0, 0.0]) == 1
    assert total([0.0]) == 0
    assert total([1.0, None]) is None
    assert total([]) is None


def test_a_long_name_is_cut() -> None:
    (gpu,) = with_cards(Reading(), [Card(id="x" * 1000, name="y" * 1000)]).gpus or ()
    assert (len(gpu.id), len(gpu.name)) == (200, 200)
