"""Where third parties find what: the topics of a tree below one prefix, and of the discovery below another. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass

from rigwatch.errors import TopicError
from rigwatch.topics import PREFIX, NodeId, TopicLevel

HOME_ASSISTANT = "homeassistant"

_KEPT = (TopicLevel.STATE, TopicLevel.AVAILABILITY)


@dataclass(frozen=True, slots=True)
class Places:
    """The topics of one tree. On rigwatch's own broker the prefixes are these; on another its owner chooses them."""

    prefix: str = PREFIX
    discovery: str = HOME_ASSISTANT

    def of(self, node: NodeId, channel: TopicLevel) -> str:
        return f"{self.prefix}/{node.site}/{node.node}/{channel.value}"

    @property
    def server_status(self) -> str:
        return f"{self.prefix}/server/status"

    @property
    def server_state(self) -> str:
        return f"{self.prefix}/server/state"

    @property
    def server_incident(self) -> str:
        return f"{self.prefix}/server/incident"

    @property
    def server_incidents(self) -> str:
        return f"{self.prefix}/server/incidents"

    def kept(self) -> Iterator[str]:
        """Filters of all that is retained in the tree, the server's own first: so it comes first."""
        yield from (self.server_incidents, self.server_state, self.server_status)
        yield from (f"{self.prefix}/+/+/{channel.value}" for channel in _KEPT)

    def is_kept(self, topic: str) -> bool:
        return topic in (self.server_incidents, self.server_state, self.server_status) or self._is_of_a_node(topic)

    def _is_of_a_node(self, topic: str) -> bool:
        levels = topic.removeprefix(f"{self.prefix}/").split("/")
        if not topic.startswith(f"{self.prefix}/") or len(levels) != 3 or levels[2] not in _KEPT:
            return False
        try:
            NodeId(levels[0], levels[1])
        except TopicError:
            return False
        return True


OWN = Places()
"""On the broker that the rigs use."""
