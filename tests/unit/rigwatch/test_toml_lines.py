"""The line in which each value of a TOML file stands."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from rigwatch.settings.toml_lines import toml_lines

TEXT = '''# settings
[alerts]
channels = [
  "ntfy://x", # [no table]
  "ntfy://y",
]
hot.threshold = 3
link = """
[fake]
hold = "1s"
"""

[alerts.node."main/rig1".hot] # a rig
threshold=85
[web]
colours = { peers_green = 1, peers_yellow = 2 }
[[nodes]]
node = "x"
'''


def test_each_value_has_the_line_that_it_begins_in() -> None:
    assert toml_lines(TEXT) == {
        ("alerts", "channels"): 3,
        ("alerts", "hot", "threshold"): 7,
        ("alerts", "link"): 8,
        ("alerts", "node", "main/rig1", "hot", "threshold"): 14,
        ("web", "colours", "peers_green"): 16,
        ("web", "colours", "peers_yellow"): 16,
        ("nodes", "node"): 18,
    }
    tomllib.loads(TEXT)


@given(st.text(alphabet='a=[]"\n.# 1{}', max_size=60))
def test_whatever_a_file_holds_it_does_not_raise(text: str) -> None:
    assert all(0 < line <= text.count("\n") + 1 for line in toml_lines(text).values())
