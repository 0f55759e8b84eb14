import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rigwatch.settings.writing import Setting, add_settings, append_table, lines_for, toml_value

PORT = Setting(("web",), "port", 8090)
KEEP = Setting(("database",), "keep", "72h")
TOKEN = Setting(("alerts", "telegram"), "token", "1:secret", secret=True)
FILE = """\
# Mine.
[web] # the page
host = "0.0.0.0"   # everybody

# Last.
"""


def test_it_adds_below_the_sections_header_and_leaves_the_rest_to_the_letter() -> None:
    after = add_settings(FILE, [PORT])
    assert after == FILE.replace("the page\n", "the page\nport = 8090\n")


def test_a_section_that_is_not_there_comes_last() -> None:
    after = add_settings(FILE, [KEEP, TOKEN])
    assert after == FILE + '\n[database]\nkeep = "72h"\n\n[alerts.telegram]\ntoken = "1:secret"\n'


def test_what_is_set_is_never_overwritten() -> None:
    text = "[web]\nport = 80\n"
    assert add_settings(text, [PORT, KEEP]) == text + '\n[database]\nkeep = "72h"\n'


def test_line_ends_of_windows_stay() -> None:
    assert add_settings("[web]\r\n# x\r\n", [PORT]) == "[web]\r\nport = 8090\r\n# x\r\n"


@pytest.mark.parametrize(
    "text",
    [
        'web = { host = "::1" }\n',
        'web.host = "::1"\n',
        'x = """\n[web]\n"""\n[web.colours]\n',
    ],
)
def test_a_file_that_nothing_can_be_added_to_is_left_alone(text: str) -> None:
    assert add_settings(text, [PORT]) is None


def test_a_section_behind_its_inner_ones_is_fine() -> None:
    after = add_settings("[web.colours]\npeers_green = 1\n", [PORT])
    assert after
    assert tomllib.loads(after)["web"] == {"port": 8090, "colours": {"peers_green": 1}}


def test_what_has_to_be_written_by_hand_names_no_secret() -> None:
    assert lines_for([PORT, TOKEN]) == ["[web] port = 8090", "[alerts.telegram] token = …"]
    assert "secret" not in repr(TOKEN).replace("secret=True", "")


@given(st.one_of(st.text(), st.integers(-(2**60), 2**60), st.lists(st.text())))
def test_any_value_is_read_back(value: str | int | list[str]) -> None:
    assert tomllib.loads(f"x = {toml_value(value)}") == {"x": value}


@given(
    st.lists(
        st.sampled_from(["[web]", "[database]", "# [web]", 'x = "[web]"', "", "[[nodes]]"]), max_size=6, unique=True
    )
)
def test_it_adds_exactly_what_was_asked_or_nothing(lines: list[str]) -> None:
    text = "\n".join(lines)
    before = tomllib.loads(text)
    after = add_settings(text, [PORT, KEEP])
    assert after is not None
    expected = {**before, "web": {**before.get("web", {}), "port": 8090}}
    expected["database"] = {**before.get("database", {}), "keep": "72h"}
    assert tomllib.loads(after) == expected


def test_a_table_goes_behind_the_others() -> None:
    table = '[[nodes]]\nnode = "b"\n'
    assert append_table("", table) == table
    assert append_table("# mine\n[[nodes]]\n\n\n", table) == f"# mine\n[[nodes]]\n\n{table}"


@pytest.mark.parametrize("text", ["nodes = []\n", "nodes = 3\n"])
def test_a_list_that_takes_no_table_is_left_alone(text: str) -> None:
    assert append_table(text, '[[nodes]]\nnode = "b"\n') is None
