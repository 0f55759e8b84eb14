"""What is learned of chats from updates, by whoever wrote."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.seen_chats import TITLE_MAX, chat_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["message", "chat", "id", "title", "username", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("update", "found"),
    [
        ({"message": {"chat": {"id": 5, "first_name": "Ada", "username": "ada"}, "text": "hi"}}, (5, "Ada (@ada)")),
        ({"message": {"chat": {"id": 5, "first_name": "Ada", "last_name": "L"}}}, (5, "Ada L")),
        ({"my_chat_member": {"chat": {"id": -100, "title": "Farm", "type": "group"}}}, (-100, "Farm (group)")),
        ({"channel_post": {"chat": {"id": -7}}}, (-7, "without a name")),
        ({"message": {"chat": {"id": 5, "first_name": "a\nb\u202e"}}}, (5, "a b")),
        ({"message": {"chat": {"id": True}}}, None),
        ({"message": {"chat": {"id": 2**60}}}, None),
        ({"callback_query": {"message": {"chat": {"id": 5}}}}, None),
        ({"message": 5}, None),
        ([], None),
    ],
)
def test_a_chat_is_called_as_it_calls_itself(update: Any, found: tuple[int, str] | None) -> None:  # noqa: ANN401 - JSON
    assert chat_of(update) == found


@given(JSON)
def test_whatever_comes_is_bounded_and_on_one_line(update: Any) -> None:  # noqa: ANN401 - JSON
    found = chat_of(update)
    if found:
        assert len(found[1]) <= TITLE_MAX
        assert found[1].isprintable()
