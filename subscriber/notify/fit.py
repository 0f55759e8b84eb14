"""Messages cut to what a service takes, by us: what is over is refused there, or cut where it hurts. Pure."""

import re
from collections.abc import Callable
from typing import Final

from msgspec import Struct

from alerts.notification import MARKS, NotificationText

Measure = Callable[[str], int]
_CUT: Final = "…"
_LEAST: Final = 40
"""What a service takes less of than this cannot be told anything; it gets this much."""


class MessageLimits(Struct, frozen=True):
    """How much a service takes of both, as it counts. `title` 0: it has none, the title is the body's first line;
    `shared`: the two together must fit the body's room."""

    title: int
    body: int
    shared: bool
    measure: Measure


def utf16(text: str) -> int:
    """Code units, as JavaScript, Telegram and others count: an emoji is two."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def utf8(text: str) -> int:
    """Bytes."""
    return len(text.encode("utf-8", "surrogatepass"))


def fit(text: NotificationText, room: MessageLimits) -> NotificationText:
    """The message in that room: whole lines of its body, then how many are left out. Its first line goes before all
    others, and what is said about copies and age before that."""
    whole = max(room.body, _LEAST)
    title = _cut_title(text.title, whole if room.title <= 0 else min(max(room.title, _LEAST), whole), room.measure)
    shared = room.shared or room.title <= 0
    # Two for the line end between them, which some write as two characters.
    return NotificationText(
        title, cut_lines(text.body, whole - (room.measure(title) + 2 if shared else 0), room.measure)
    )


def cut_lines(text: str, most: int, measure: Measure) -> str:
    """As many lines as there is room for, and how many more there were."""
    if measure(text) <= most:
        return text
    lines = text.splitlines()
    for count in range(len(lines) - 1, 0, -1):
        shown = "\n".join([*lines[:count], f"{_CUT} and {len(lines) - count} more lines"])
        if measure(shown) <= most:
            return shown
    return _cut(lines[0], most, measure) if lines else ""


def _cut_title(title: str, most: int, measure: Measure) -> str:
    if measure(title) <= most:
        return title
    found = re.search(rf"(?: {MARKS})+$", title)
    marks = found.group() if found else ""
    if measure(marks) >= most // 2:
        marks = ""
    return _cut(title.removesuffix(marks), most - measure(marks), measure) + marks


def _cut(text: str, most: int, measure: Measure) -> str:
    """The longest beginning that fits, with a sign that there was more."""
    if measure(text) <= most:
        return text
    most -= measure(_CUT)
    if most < 0:
        return ""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if measure(text[:middle]) <= most else (low, middle - 1)
    return text[:low].rstrip() + _CUT
