"""Made-up rigs for the subscriber's tests: what they say, sealed or already heard."""

from dataclasses import dataclass

from alerts.ingest import ReceivedMessage
from rigwatch.clock import Millis
from rigwatch.keys import MasterKey, NodeKey
from rigwatch.messages import NodeState, Report, Sample, Status, encode
from rigwatch.mqtt import MqttMessage
from rigwatch.topics import NodeId, TopicLevel, topic_of
from tests.fake_clock import START

MASTER = MasterKey(b"a rig's master key for the tests")


@dataclass(frozen=True, slots=True)
class Rig:
    """A node with its key. `received_at` of what is heard is `START` unless the test says otherwise."""

    id: NodeId
    key: NodeKey

    def heard(self, body: Status | Report, received_at: Millis = START) -> ReceivedMessage:
        return ReceivedMessage(self.id, body, self.key, received_at)

    def sealed(self, body: Status | Report, *, retained: bool = False) -> MqttMessage:
        topic = topic_of(self.id, TopicLevel.STATUS if isinstance(body, Status) else TopicLevel.REPORT)
        return MqttMessage(topic, self.key.seal_key.seal(topic, encode(body)), retained)


def rig(name: str = "rig1", site: str = "main") -> Rig:
    node = NodeId(site, name)
    return Rig(node, MASTER.node_key(node))


def birth(session: int = 1, *, host: str = "host1", name: str = "", interval: float = 60) -> Status:
    return Status(NodeState.ONLINE, session, host=host, name=name, interval=interval)


def will(session: int = 1) -> Status:
    return Status(NodeState.LOST, session)


def goodbye(session: int = 1, *, reason: str = "stopped") -> Status:
    return Status(NodeState.OFFLINE, session, reason=reason)


def sample(
    at: Millis = START, *, n: int | None = None, hashrate: float | None = None, peers: int | None = None
) -> Sample:
    return Sample(n=at if n is None else n, at=at, hashrate=hashrate, peers=peers)


def report(*samples: Sample, session: int = 1, sent_at: Millis = START) -> Report:
    return Report(session, sent_at, samples or (sample(),))
