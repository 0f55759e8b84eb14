"""Other people's words made harmless: what a rig, a miner, a client or a channel said, for a person to read.

Whatever way out a text takes, it is cleaned here: `visible` for terminals and logs, `visible_lines` for pages, `plain`
for messages, `visible_json` for what programs read that may end in a terminal.
"""

import re
from typing import Final

# Control characters of both sets, line and paragraph separators, what turns the direction of writing round, what has no
# width, and halves of letters, which no terminal can be sent.
_CLASS: Final = (
    "\\x7f-\\x9f\\xad\\u061c\\u180e\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f"
    "\\ud800-\\udfff\\ufeff\\ufff9-\\ufffb\\U000e0000-\\U000e007f"
)
_UNSEEN: Final = re.compile(f"[\\x00-\\x1f{_CLASS}]")
_UNSEEN_IN_LINES: Final = re.compile(f"[\\x00-\\x08\\x0b-\\x1f{_CLASS}]")
_UNSEEN_IN_JSON: Final = re.compile(f"[{_CLASS}]")


def visible(text: str) -> str:
    """The text on one line, with what could end the line, or command a terminal, written out (a newline as `\\x0a`)."""
    return text if text.isprintable() else _UNSEEN.sub(_written_out, text)


def visible_lines(text: str) -> str:
    """As `visible`, but lines stay lines, and tabs tabs."""
    return text if text.isprintable() else _UNSEEN_IN_LINES.sub(_written_out, text)


def visible_json(text: str) -> str:
    """JSON that says the same, and commands no terminal."""
    return text if text.isprintable() else _UNSEEN_IN_JSON.sub(_escaped, text)


def plain(text: str, longest: int = 200) -> str:
    """A text of a node's own, on one line and without what a terminal or a phone would act on."""
    shown = "".join(char if char.isprintable() else " " for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 1]}…"


def _written_out(unseen: re.Match[str]) -> str:
    code = ord(unseen[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _escaped(unseen: re.Match[str]) -> str:
    units = unseen[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
