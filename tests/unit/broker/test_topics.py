import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.topics import MAX_LEVELS, covers, is_exact, is_filter, is_topic, overlaps

levels = st.sampled_from(["a", "b", "", "$x"])
topics = st.lists(levels, min_size=1, max_size=4).map("/".join).filter(bool)
filters = st.one_of(
    st.lists(st.one_of(levels, st.just("+")), min_size=1, max_size=4).map("/".join).filter(bool),
    st.lists(st.one_of(levels, st.just("+")), max_size=3).map(lambda found: "/".join([*found, "#"])),
)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a", "a"),
        ("a/b", "a/b"),
        ("a/+", "a/b"),
        ("a/+", "a/"),
        ("+/+", "/a"),
        ("/+", "/a"),
        ("#", "a/b/c"),
        ("a/#", "a/b/c"),
        ("a/#", "a"),
        ("a/+/#", "a/b"),
        ("$SYS/#", "$SYS/broker"),
    ],
)
def test_a_filter_matches_what_the_standard_says(topic_filter: str, topic: str) -> None:
    assert covers(topic_filter, topic)


@pytest.mark.parametrize(
    ("topic_filter", "topic"),
    [
        ("a", "A"),
        ("a", "a/"),
        ("+", "/a"),
        ("a/+", "a"),
        ("a/+", "a/b/c"),
        ("a/#", "ab"),
        ("#", "$SYS/broker"),
        ("+/broker", "$SYS/broker"),
    ],
)
def test_a_filter_matches_nothing_else(topic_filter: str, topic: str) -> None:
    assert not covers(topic_filter, topic)


@pytest.mark.parametrize("wrong", ["", "a+", "+a", "a/#/b", "a#", "#/a", "a\0", "/" * MAX_LEVELS, "a" * 1025])
def test_a_malformed_filter_is_known(wrong: str) -> None:
    assert not is_filter(wrong)


@pytest.mark.parametrize("right", ["a", "/", "+", "#", "a/+/b", "+/#", "/#", " ", "/" * (MAX_LEVELS - 1)])
def test_a_well_formed_filter_is_known(right: str) -> None:
    assert is_filter(right)


@pytest.mark.parametrize("wrong", ["", "+", "#", "a/+", "a#", "a\0", "/" * MAX_LEVELS])
def test_a_malformed_topic_is_known(wrong: str) -> None:
    assert not is_topic(wrong)


def test_a_well_formed_topic_is_known() -> None:
    assert is_topic("/")
    assert is_topic("a/b c/é")


def test_only_filters_without_wildcards_are_exact() -> None:
    assert [is_exact(each) for each in ("a/b", "a/+", "#")] == [True, False, False]


@given(filters, filters, topics)
def test_a_filter_that_covers_another_matches_all_that_it_matches(wide: str, narrow: str, topic: str) -> None:
    if covers(wide, narrow) and covers(narrow, topic):
        assert covers(wide, topic)


@given(filters)
def test_a_filter_covers_itself(topic_filter: str) -> None:
    assert covers(topic_filter, topic_filter)


@pytest.mark.parametrize(("pattern", "topic_filter"), [("a/+", "a/#"), ("+/+", "#"), ("+", "#"), ("a/b", "a/+")])
def test_a_narrower_filter_does_not_cover_a_wider(pattern: str, topic_filter: str) -> None:
    assert not covers(pattern, topic_filter)


@given(filters, filters, topics)
def test_filters_that_match_one_topic_overlap(one: str, other: str, topic: str) -> None:
    assert overlaps(one, other) == overlaps(other, one)
    if covers(one, topic) and covers(other, topic):
        assert overlaps(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "b"), ("a/+", "a"), ("a/+/b", "+/c/c"), ("a/#", "b/#"), ("#", "$SYS/#"), ("+/a", "$SYS/+"), ("a/b/#", "a")],
)
def test_filters_that_no_topic_can_match_do_not_overlap(one: str, other: str) -> None:
    assert not overlaps(one, other)
