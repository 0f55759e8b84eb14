import contextlib
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from legacy.loose_json import LooseJsonError, Value, decode

# What a setting of the old tool may be: no backslash, which hand-written files mean in two ways.
TEXTS = st.text(st.characters(exclude_characters='\\"', exclude_categories=("Cs", "Cc")), max_size=30)
VALUES = st.one_of(TEXTS, st.integers(-(10**9), 10**9), st.booleans(), st.none())
SETTINGS = st.dictionaries(st.from_regex(r"[a-z]{1,12}", fullmatch=True), VALUES, min_size=1, max_size=12)


@given(SETTINGS)
def test_it_reads_what_is_json(settings: dict[str, Value]) -> None:
    assert decode(json.dumps(settings).encode()) == settings
    assert decode(json.dumps(settings, indent="\t", ensure_ascii=False).encode()) == settings


@given(SETTINGS, st.sampled_from(["\n", "\r\n", "\n\t", " \n\n "]), st.data())
def test_it_reads_the_same_with_commas_missing_doubled_or_last(
    settings: dict[str, Value], newline: str, data: st.DataObject
) -> None:
    commas = st.sampled_from(["", ",", ",,", "\t,"])
    lines = [
        f"{json.dumps(key)}\t:{json.dumps(value, ensure_ascii=False)}{data.draw(commas)}{newline}"
        for key, value in settings.items()
    ]
    assert decode(("{" + newline + "".join(lines) + "}").encode("utf-8-sig")) == settings


@given(st.binary(max_size=200))
def test_anything_else_is_refused_and_never_a_crash(data: bytes) -> None:
    with contextlib.suppress(LooseJsonError):
        assert isinstance(decode(data), dict)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'{"a": "C:\walton\" "b": 1}', "C:\\walton\\"),
        ('{"a": "C:\\walton\\",\n"b": 1 "c": 2}', "C:\\walton\\"),
        (r'{"a": "C:\\walton\\" "b": 1}', "C:\\walton\\"),
        (r'{"a": "C:\new\table" "b": 1}', r"C:\new\table"),
        (r'{"a": "say \"hi\" now" "b": 1}', 'say "hi" now'),
        (r'{"a": "caf\u00e9" "b": 1}', "café"),
        (r'{"a": "half\ud800" "b": 1}', "half?"),
        (r'{"a": "half\ud800", "b": 1}', "half?"),
        ('{"a": "tab\there" "b": 1}', "tab\there"),
        ('{"a": "never closed\n"b": 1}', "never closed"),
        ("{a: yes b: 1}", "yes"),
        ('{"a": 1.5 "b": 1 // why\n}', 1.5),
        ('{"a": true "b": 1', True),
    ],
)
def test_it_reads_what_people_meant(text: str, value: Value) -> None:
    assert decode(text.encode()) | {"a": value, "b": 1} == decode(text.encode())


def test_names_are_the_same_in_capitals() -> None:
    assert decode(b'{"WEBPORT": 1, "id": 2}') == {"webport": 1, "id": 2}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_it_reads_what_editors_of_windows_wrote(encoding: str) -> None:
    assert decode('{"Name": "Müller"}'.encode(encoding)) == {"name": "Müller"}


def test_nested_values_are_left_out() -> None:
    assert decode(b'{"a": {"b": 1}, "c": [1], "d": 2}') == {"d": 2}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "does not begin with"),
        ("[1]", "holds no settings in braces"),
        ('{"a": 1,\n\n"secret" "b": 2}', "line 3: a name without ':'"),
        ('{"a": ["secret", }', "line 1: something that is neither"),
    ],
)
def test_it_names_the_line_and_no_value(text: str, words: str) -> None:
    with pytest.raises(LooseJsonError, match=re.escape(words)) as caught:
        decode(text.encode())
    assert "secret" not in str(caught.value)
