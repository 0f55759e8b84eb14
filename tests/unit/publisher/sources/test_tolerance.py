import math
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, field

from publisher.sources.tolerance import OtherShapeError, UnreadableError, number_of, read
from rigwatch.figures import Celsius, Count, Rate


class Card(Struct):
    rate: Rate | None = None
    shares: Count | None = None
    warmth: Celsius | None = None
    name: str | None = None


class Thing(Struct):
    cards: list[Card]
    rates: list[Rate | None] | None = None
    by: dict[str, Rate | None] | None = None
    on: bool | None = None
    said: float | str | None = None
    inner: Card = field(default_factory=Card)


def _read(value: object) -> tuple[Thing, list[str]]:
    odd: list[str] = []
    return read(value, Thing, odd.append), odd


@pytest.mark.parametrize(
    ("given", "rate"),
    [
        (1, 1.0),
        ("61.2", 61.2),
        ("  6.0000", 6.0),
        ("1,234.5", 1234.5),
        ("62%", 62.0),
        ("55 C", 55.0),
        ("004", 4.0),
        (None, None),
        ("", None),
        ("N/A", None),
        (" off", None),
        (math.nan, None),
        (-1, None),
        (2**32 - 1, None),
        (2**64 - 1, None),
    ],
)
def test_a_number_may_be_a_text_and_what_stands_for_none_is_none(given: object, rate: float | None) -> None:
    assert _read({"cards": [{"rate": given}]}) == (Thing([Card(rate)]), [])


@pytest.mark.parametrize("given", ["x", True, [], {}, math.inf, 1e30, 10**400, -7, "61.2 parsecs"])
def test_what_is_no_number_costs_that_number(given: object) -> None:
    thing, odd = _read({"cards": [{"rate": given, "shares": 3}]})
    assert thing == Thing([Card(None, 3)])
    assert len(odd) == 1
    assert odd[0].startswith("cards[0].rate: ")


@pytest.mark.parametrize(("given", "shares"), [(12.0, 12), ("12", 12), ("  6.0000", 6), (1.5, None), (2**60, None)])
def test_a_count_is_whole(given: object, shares: int | None) -> None:
    assert _read({"cards": [{"shares": given}]})[0].cards[0].shares == shares


@pytest.mark.parametrize(
    ("given", "cards"),
    [
        ([{"rate": 1}, None, {"rate": 3}], [Card(1.0), Card(), Card(3.0)]),
        ([{"rate": 1}, "x", {"rate": 3}], [Card(1.0), Card(), Card(3.0)]),
        ({"rate": 1}, [Card(1.0)]),
        ('[{"rate":1}]', [Card(1.0)]),
        (7, []),
        (None, []),
        ("x", []),
    ],
)
def test_the_places_of_a_list_stay_and_a_list_that_is_none_is_empty(given: object, cards: list[Card]) -> None:
    assert _read({"cards": given})[0].cards == cards


@pytest.mark.parametrize(
    ("given", "rates"),
    [([1, "x", "3"], [1.0, None, 3.0]), ("[ 1234567 ]", [1234567.0]), ("5", [5.0]), (5, [5.0]), (None, None)],
)
def test_a_list_may_be_a_text_or_one_number(given: object, rates: list[float | None] | None) -> None:
    assert _read({"cards": [], "rates": given})[0].rates == rates


def test_one_value_of_a_table_that_is_none_costs_that_value() -> None:
    thing, odd = _read({"cards": [], "by": {"a": 1, "b": "x", "c": None}})
    assert thing.by == {"a": 1.0, "c": None}
    assert odd == ["by.b: not a number"]


@pytest.mark.parametrize(("given", "on"), [(True, True), ("Y", True), (0, False), ("off", False), ("perhaps", None)])
def test_true_and_false_have_many_names(given: object, on: object) -> None:
    assert _read({"cards": [], "on": given})[0].on == on


@pytest.mark.parametrize(("given", "said"), [(5, 5.0), ("0:00:06", "0:00:06"), ([], None)])
def test_a_number_or_a_text_is_a_number_where_it_can_be(given: object, said: object) -> None:
    assert _read({"cards": [], "said": given})[0].said == said


def test_a_text_may_be_a_number() -> None:
    assert [each.name for each in _read({"cards": [{"name": 4}, {"name": 0.3}]})[0].cards] == ["4", "0.3"]


@pytest.mark.parametrize("given", [[], "x", 7, None, {}, {"rates": []}])
def test_an_answer_that_is_none_at_all_is_an_error(given: object) -> None:
    with pytest.raises(OtherShapeError):
        _read(given)


def test_a_part_that_is_required_and_cannot_be_read_is_empty() -> None:
    class Holder(Struct):
        inner: Card

    class Bounded(Struct):
        least: Annotated[int, Meta(ge=1)] | None

    odd: list[str] = []
    assert read({"inner": 7}, Holder, odd.append) == Holder(Card())
    assert read({"least": 0}, Bounded, odd.append) == Bounded(None)
    assert odd == ["inner: expected object, got number", "least: 0 cannot be"]


@pytest.mark.parametrize("text", ["", "x", "0x10", "1.2.3", "1,23", "nan", "٣"])
def test_what_holds_no_number_is_refused(text: str) -> None:
    with pytest.raises(UnreadableError):
        number_of(text)


def test_a_value_is_never_named_in_the_text() -> None:
    secret: Any = {"cards": [{"rate": "secret"}], "by": "secret", "on": "secret"}
    assert "secret" not in " ".join(_read(secret)[1])
