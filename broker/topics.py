"""Topic names and filters: which are well formed, which match, which one covers another. Pure; knows no account."""

from collections.abc import Callable
from typing import Final

# The standard sets no limit below 65,535 bytes; a topic of 65,535 slashes would cost milliseconds a message.
MAX_LEVELS: Final = 128
# Filters are kept for as long as their subscriptions, up to a thousand a client.
MAX_FILTER: Final = 1024


def is_topic(text: str) -> bool:
    """Whether a message may be published under this name."""
    return bool(text) and not {"+", "#", "\0"} & set(text) and text.count("/") < MAX_LEVELS


def is_filter(text: str) -> bool:
    """Whether this can be subscribed to: wildcards stand alone in their level, '#' in the last one."""
    if not text or len(text) > MAX_FILTER or "\0" in text or text.count("/") >= MAX_LEVELS:
        return False
    if "+" not in text and "#" not in text:
        return True
    levels = text.split("/")
    return "#" not in "".join(levels[:-1]) and all(
        level in {"+", "#"} or not {"+", "#"} & set(level) for level in levels
    )


def is_exact(topic_filter: str) -> bool:
    return "+" not in topic_filter and "#" not in topic_filter


def covers(pattern: str, topic_filter: str) -> bool:
    """Whether `pattern` matches every topic that `topic_filter` can match. A topic is a filter that matches itself.

    Wildcards at the beginning do not reach topics that begin with '$' (MQTT 3.1.1 §4.7.2).
    """
    if topic_filter.startswith("$") and pattern[0] in "+#":
        return False
    wanted = topic_filter.split("/")
    for index, level in enumerate(pattern.split("/")):
        if level == "#":
            return True
        if index >= len(wanted) or wanted[index] == "#":
            return False
        if level not in ("+", wanted[index]):
            return False
    return len(wanted) == len(pattern.split("/"))


def overlaps(one: str, other: str) -> bool:
    """Whether there is a topic that both filters match."""
    ours, theirs = one.split("/"), other.split("/")
    if (_is_wild(ours[0]) and theirs[0].startswith("$")) or (_is_wild(theirs[0]) and ours[0].startswith("$")):
        return False
    for index in range(max(len(ours), len(theirs))):
        mine = ours[index] if index < len(ours) else None
        yours = theirs[index] if index < len(theirs) else None
        if "#" in {mine, yours}:
            return True
        if mine is None or yours is None or (mine != yours and "+" not in {mine, yours}):
            return False
    return True


def _is_wild(level: str) -> bool:
    return level in {"+", "#"}


def matcher(topic_filter: str) -> Callable[[str], bool]:
    """For one filter and many topics: most of them are told by the number of their levels alone."""
    if topic_filter == "#":
        return lambda topic: not topic.startswith("$")
    if topic_filter.endswith("/#"):
        return lambda topic: covers(topic_filter, topic)
    slashes = topic_filter.count("/")
    return lambda topic: topic.count("/") == slashes and covers(topic_filter, topic)
