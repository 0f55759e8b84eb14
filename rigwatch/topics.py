"""Names of nodes and the topics that belong to them: the grammar of `docs/protocol.md`, and nothing that sends."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Self

from msgspec import Struct

from rigwatch.errors import TopicError

PREFIX = "rigwatch/v1"
SERVER_STATUS = f"{PREFIX}/server/status"
SERVER_STATE = f"{PREFIX}/server/state"
SERVER_INCIDENT = f"{PREFIX}/server/incident"
SERVER_INCIDENTS = f"{PREFIX}/server/incidents"
NAME_MAX = 64
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
NAME_PATTERN = f"^{_NAME.pattern}$"
"""The grammar of a site's or a node's name, for others' validators."""


class TopicLevel(StrEnum):
    """The last level of a node's topic. The first three are sealed, the others are the plain state tree."""

    STATUS = "status"
    REPORT = "report"
    ACK = "ack"
    STATE = "state"
    AVAILABILITY = "availability"
    INCIDENT = "incident"


def check_name(name: str, what: str) -> str:
    """Returns `name`, or raises `TopicError` that tells `what` it should have named and what is allowed.

    No dot, no space, no capital: some brokers refuse those in topics, and file systems fold them together.
    """
    if _NAME.fullmatch(name):
        return name
    allowed = "use 1 to 64 of a-z, 0-9, '-' and '_', beginning with a letter or digit"
    raise TopicError(f"{what} {name[:80]!r} is not a valid name: {allowed}")


class NodeId(Struct, frozen=True, order=True, cache_hash=True):
    """One mined instance, named by its site and its own name; valid because it exists (else `TopicError`).

    Everything that is kept by node is kept under it, hence a Struct: hashed once, compared without Python.
    """

    site: str
    node: str

    def __post_init__(self) -> None:
        check_name(self.site, "site")
        check_name(self.node, "node")

    def __str__(self) -> str:
        return f"{self.site}/{self.node}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads `<site>/<node>`, which is also the node's MQTT user name and client id."""
        site, slash, node = text.partition("/")
        if not slash:
            raise TopicError(f"{text[:130]!r} is not <site>/<node>")
        return cls(site, node)


def topic_of(node: NodeId, channel: TopicLevel) -> str:
    """`rigwatch/v1/<site>/<node>/<channel>`."""
    return f"{PREFIX}/{node.site}/{node.node}/{channel.value}"


def every(channel: TopicLevel) -> str:
    """The filter that matches this channel of every node."""
    return f"{PREFIX}/+/+/{channel.value}"


ALL_STATUS = every(TopicLevel.STATUS)
ALL_REPORTS = every(TopicLevel.REPORT)
PLAIN = (
    *map(every, (TopicLevel.STATE, TopicLevel.AVAILABILITY, TopicLevel.INCIDENT)),
    SERVER_STATUS, SERVER_STATE, SERVER_INCIDENT, SERVER_INCIDENTS,
)  # fmt: skip
"""The plain state tree: what the subscriber publishes for third parties."""
TAKEOVERS = "$SYS/rigwatch/takeover/"
"""Below it the embedded broker tells of each node whose connection was taken over, in plain: nobody else may."""
ENDINGS = "$SYS/rigwatch/ended/"
"""Below it the embedded broker tells how each node's last connection ended that did not end with a goodbye."""
SHARED_REPORTS = f"$share/rigwatch/{ALL_REPORTS}"
"""The same for a group of subscribers, of which one gets each report."""


@lru_cache(maxsize=16_384)
def parse_topic(topic: str) -> tuple[NodeId, TopicLevel]:
    """The node and channel of a node's topic; raises `TopicError` for any other. Cached: a fleet has few topics."""
    levels = topic.split("/")
    if len(levels) != 5 or "/".join(levels[:2]) != PREFIX:
        raise TopicError(f"{topic[:200]!r} is not a topic of a node")
    try:
        channel = TopicLevel(levels[4])
    except ValueError:
        raise TopicError(f"{topic[:200]!r} is not a topic of a node") from None
    return NodeId(levels[2], levels[3]), channel


def name_of_host(host: str, otherwise: str) -> str:
    """A machine's host name in the letters that names may have; `otherwise` where nothing is left of it."""
    first = host.split(".", maxsplit=1)[0].lower()
    name = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in first).strip("-")[:NAME_MAX]
    try:
        check_name(name, "name")
    except TopicError:
        return otherwise
    return name
