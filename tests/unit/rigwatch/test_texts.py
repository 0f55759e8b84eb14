"""Whatever others write is made harmless, and stays readable."""

import json

from hypothesis import given
from hypothesis import strategies as st

from rigwatch.texts import plain, visible, visible_json, visible_lines

ANY = st.text(st.characters(), max_size=40)


def is_harmless(text: str) -> bool:
    return not any(
        ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 or 0x2028 <= ord(each) <= 0x202E or 0x2066 <= ord(each) <= 0x2069
        for each in text
    )


@given(ANY)
def test_no_text_commands_a_terminal(text: str) -> None:
    assert is_harmless(visible(text))
    assert is_harmless(plain(text))
    assert is_harmless(visible_lines(text).replace("\n", "").replace("\t", ""))
    assert visible_lines(text).count("\n") == text.count("\n")


@given(st.text(max_size=40))
def test_json_means_what_it_meant(text: str) -> None:
    written = visible_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert is_harmless(written)
    assert json.loads(written) == {text: [text]}


def test_what_people_write_stays_as_it_is() -> None:
    for text in ("Grüße aus 東京, 65 °C", "\N{PICK} naïve", "a − b"):
        assert visible(text) == visible_lines(text) == visible_json(text) == plain(text) == text
