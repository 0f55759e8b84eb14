"""The server's side of the wire, as the tests of the publisher need it: opens what arrives, and acks when told to."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from rigwatch.keys import NodeKey
from rigwatch.messages import Ack, NodeState, Report, Sample, Status, decode, encode
from rigwatch.mqtt import Endpoint, MqttConnection, MqttLogin, MqttMessage
from rigwatch.topics import ALL_REPORTS, ALL_STATUS, NodeId, TopicLevel, parse_topic, topic_of


@dataclass(slots=True)
class Server:
    """Everything that arrived, oldest first. With `answers`, each report is acked at once, as a subscriber does."""

    keys: dict[NodeId, NodeKey]
    answers: bool = True
    statuses: list[tuple[NodeId, Status, bool]] = field(default_factory=list)
    reports: list[tuple[NodeId, Report]] = field(default_factory=list)
    connection: MqttConnection | None = None

    def received(self, message: MqttMessage) -> None:
        node, channel = parse_topic(message.topic)
        plain = self.keys[node].seal_key.open(message.topic, message.payload)
        if channel is TopicLevel.STATUS:
            self.statuses.append((node, decode(plain, Status), message.retained))
            return
        report = decode(plain, Report)
        self.reports.append((node, report))
        if self.answers:
            self.ack(node, Ack(session=report.session, n=tuple(sample.n for sample in report.samples)))

    def ack(self, node: NodeId, ack: Ack) -> None:
        assert self.connection is not None
        topic = topic_of(node, TopicLevel.ACK)
        self.connection.publish(topic, self.keys[node].seal_key.seal(topic, encode(ack)))

    def states(self, node: NodeId) -> list[NodeState]:
        return [status.state for who, status, _ in self.statuses if who == node]

    def samples(self, node: NodeId) -> list[Sample]:
        return [sample for who, report in self.reports if who == node for sample in report.samples]


@asynccontextmanager
async def serving(
    endpoint: Endpoint, keys: dict[NodeId, NodeKey], *, answers: bool = True, password: str = ""
) -> AsyncIterator[Server]:
    """A server that listens to these nodes until the block ends."""
    server = Server(keys, answers=answers)
    login = MqttLogin("subscriber", password, client_id="subscriber")
    server.connection = await MqttConnection.open(endpoint, login, on_message=server.received, keepalive=60)
    try:
        await server.connection.subscribe(ALL_STATUS, ALL_REPORTS)
        yield server
    finally:
        await server.connection.close()
