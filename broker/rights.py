"""Who may do what: one pure function over values. What is not allowed here is refused; no socket, no file, no clock."""

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Final

from broker.topics import covers, overlaps
from rigwatch.topics import (
    ALL_REPORTS,
    ALL_STATUS,
    ENDINGS,
    PLAIN,
    PREFIX,
    SERVER_STATUS,
    TAKEOVERS,
    NodeId,
    TopicLevel,
    every,
    topic_of,
)


class Role(StrEnum):
    """What an account is for."""

    NODE = "node"
    SUBSCRIBER = "subscriber"
    """The server's own subscriber."""
    WATCH = "watch"
    """`rigwatch watch`: sees everything of rigwatch, says nothing."""
    CONSUMER = "consumer"
    """A third party's program: reads the plain state tree."""
    ADMIN = "admin"
    DEVICE = "device"
    """A plug or meter: says and reads what is below topics of its own."""


class Action(StrEnum):
    """What a client does with a topic, or with a filter when it subscribes."""

    PUBLISH = "publish"
    """Also what a will does."""
    SUBSCRIBE = "subscribe"
    RECEIVE = "receive"


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who has proved who they are. `deny` are filters that are refused although the role allows them, `sites`
    the only ones that a consumer reads of, where there are any, `topics` a device's own."""

    name: str
    role: Role
    node: NodeId | None = None
    deny: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()


_HOME_ASSISTANT: Final = "homeassistant/#"
_PLAIN: Final = (*PLAIN, _HOME_ASSISTANT)
_FIGURES: Final = "$SYS/broker/#"
_NOT_ELSEWHERE: Final = frozenset({PREFIX.partition("/")[0], "+", "#"})

_PUBLISHES: Final[dict[Role, tuple[str, ...]]] = {
    Role.NODE: (),
    Role.SUBSCRIBER: (every(TopicLevel.ACK), *_PLAIN),
    Role.WATCH: (),
    Role.CONSUMER: (),
    Role.ADMIN: ("#",),
    Role.DEVICE: (),
}
_READS: Final[dict[Role, tuple[str, ...]]] = {
    Role.NODE: (),
    Role.SUBSCRIBER: (ALL_STATUS, ALL_REPORTS, f"{TAKEOVERS}+/+", f"{ENDINGS}+/+", *_PLAIN),
    Role.WATCH: (f"{PREFIX}/#",),
    Role.CONSUMER: (*_PLAIN, _FIGURES),
    Role.ADMIN: ("#", "$SYS/#"),
    Role.DEVICE: (),
}


def allowed(account: Account, action: Action, topic: str) -> bool:
    """Whether the account may do this; `topic` is a filter for SUBSCRIBE, and well formed.

    A filter is allowed only if everything that it can match is; but a third party's, which may be wider than its
    rights as with other brokers, if anything is. What is wider, or in part denied, is judged message by message
    (RECEIVE, see `needs_judging`).
    """
    if any(covers(denied, topic) for denied in account.deny):
        return False
    if account.role is Role.SUBSCRIBER and _is_elsewhere(topic):
        # Where devices are, which it hears and asks; whoever may add one decides which.
        return True
    if action is Action.PUBLISH:
        return not topic.startswith("$") and _within(_publishes(account), topic)
    if action is Action.SUBSCRIBE and account.role is Role.CONSUMER:
        return any(overlaps(pattern, topic) for pattern in _reads(account))
    return _within(_reads(account), topic)


def needs_judging(account: Account, topic_filter: str) -> bool:
    """Whether an allowed filter can match what the account may not have."""
    return not _within(_reads(account), topic_filter) or any(overlaps(denied, topic_filter) for denied in account.deny)


def _is_elsewhere(topic: str) -> bool:
    """Whether it is, or a filter can match, nothing of rigwatch's own."""
    first = topic.partition("/")[0]
    return first not in _NOT_ELSEWHERE and not first.startswith("$")


def _within(patterns: tuple[str, ...], topic: str) -> bool:
    return any(covers(pattern, topic) for pattern in patterns)


def _publishes(account: Account) -> tuple[str, ...]:
    if account.role is Role.NODE and account.node is not None:
        return (topic_of(account.node, TopicLevel.STATUS), topic_of(account.node, TopicLevel.REPORT))
    if account.role is Role.DEVICE:
        return _below(account.topics)
    return _PUBLISHES[account.role]


def _reads(account: Account) -> tuple[str, ...]:
    if account.role is Role.NODE and account.node is not None:
        return (topic_of(account.node, TopicLevel.ACK),)
    if account.role is Role.CONSUMER and account.sites:
        return _reads_of_sites(account.sites)
    if account.role is Role.DEVICE:
        return _below(account.topics)
    return _READS[account.role]


@lru_cache(maxsize=1024)
def _below(topics: tuple[str, ...]) -> tuple[str, ...]:
    # `x/#` matches `x` as well (§4.7.1.2).
    return tuple(f"{topic}/#" for topic in topics)


@lru_cache(maxsize=256)
def _reads_of_sites(sites: tuple[str, ...]) -> tuple[str, ...]:
    """Without Home Assistant's discovery and the broker's figures, which are about all sites."""
    channels = (TopicLevel.STATE.value, TopicLevel.AVAILABILITY.value, TopicLevel.INCIDENT.value)
    return (SERVER_STATUS, *(f"{PREFIX}/{site}/+/{channel}" for site in sites for channel in channels))
