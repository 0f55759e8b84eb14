import pytest

from broker.load import Load


def test_a_steady_rate_is_what_the_averages_come_to_the_short_one_first() -> None:
    load = Load(0)
    for step in range(1, 31):
        load.note({"messages/received": 100 * step}, 10.0 * step)
    found = dict(load)
    assert found["messages/received/1min"] == pytest.approx(600, rel=0.01)
    assert found["messages/received/5min"] == pytest.approx(600 * (1 - 1 / 2.718281828), rel=0.01)
    assert found["messages/received/15min"] < found["messages/received/5min"]


def test_a_burst_fades() -> None:
    load = Load(0)
    load.note({"sockets": 60}, 60)
    load.note({"sockets": 60}, 120)
    before = dict(load)["sockets/1min"]
    load.note({"sockets": 60}, 180)
    assert dict(load)["sockets/1min"] == pytest.approx(before / 2.718281828)


def test_a_clock_that_stands_still_changes_nothing() -> None:
    load = Load(5)
    load.note({"sockets": 60}, 5)
    assert dict(load) == {}
