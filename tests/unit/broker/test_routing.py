import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.routing import Routes
from broker.subscription import PLAIN, Subscription
from broker.topics import covers
from tests.unit.broker.test_topics import filters, topics

steps = st.lists(
    st.tuples(st.sampled_from(["add", "remove"]), filters, st.sampled_from(["ann", "bob"]), st.integers(0, 2)),
    max_size=30,
)


@given(steps, topics)
def test_it_finds_whom_a_search_through_all_filters_would(steps: list[tuple[str, str, str, int]], topic: str) -> None:
    routes: Routes[str] = Routes()
    model: dict[tuple[str, str], int] = {}
    for what, topic_filter, who, qos in steps:
        if what == "add":
            routes.add(topic_filter, who, PLAIN[qos])
            model[topic_filter, who] = qos
        else:
            assert routes.remove(topic_filter, who) == ((topic_filter, who) in model)
            model.pop((topic_filter, who), None)
        expected: dict[str, int] = {}
        for (each, subscriber), granted in model.items():
            if covers(each, topic):
                expected[subscriber] = max(granted, expected.get(subscriber, 0))
        assert {subscriber: granted.qos for subscriber, granted in routes.match(topic)} == expected
    assert {(each, who): granted.qos for each, who, granted in routes} == model


@given(st.lists(filters, max_size=20))
def test_nothing_is_left_of_filters_that_were_removed(wanted: list[str]) -> None:
    routes: Routes[str] = Routes()
    for topic_filter in wanted:
        routes.add(topic_filter, "ann", PLAIN[0])
    for topic_filter in wanted:
        routes.remove(topic_filter, "ann")
    assert not routes._exact
    assert not routes._tree.levels
    assert not routes._tree.here


def test_a_subscriber_gets_a_message_once_with_the_highest_qos() -> None:
    routes: Routes[str] = Routes()
    for topic_filter, qos in (("a/+", 0), ("a/#", 2), ("a/b", 1)):
        routes.add(topic_filter, "ann", PLAIN[qos])
    assert list(routes.match("a/b")) == [("ann", PLAIN[2])]


def test_what_is_remembered_is_bounded_in_subscribers_and_identifiers_and_not_only_in_topics(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("broker.routing.REMEMBERED", 20_000)
    routes: Routes[str] = Routes()
    for number, topic_filter in enumerate(("#", "t/#", "t/+", "+/+", "+/#"), 1):
        for who in range(100):
            routes.add(topic_filter, f"{who}", Subscription(1, ids=(number,)))
    for number in range(100):
        found = list(routes.match(f"t/{number}"))
        assert [granted.ids for _, granted in found] == [found[0][1].ids] * 100
    assert sum(1 + len(granted.ids) for wild in routes._wild.values() for _, granted in wild) <= 20_000


def test_exact_filters_do_not_disturb_what_is_remembered_of_wildcards() -> None:
    routes: Routes[str] = Routes()
    routes.add("a/+", "ann", PLAIN[1])
    assert dict(routes.match("a/b")) == {"ann": PLAIN[1]}
    remembered = routes._wild["a/b"]
    for number in range(100):
        routes.add(f"x/{number}", "bob", PLAIN[1])
    assert routes._wild["a/b"] is remembered


def test_the_memory_of_topics_is_bounded() -> None:
    routes: Routes[str] = Routes()
    routes.add("#", "ann", PLAIN[0])
    for number in range(70_000):
        assert routes.match(f"t/{number}")
    assert len(routes._wild) <= 65_536
    assert routes.match("long" * 100)
    assert "long" * 100 not in routes._wild
