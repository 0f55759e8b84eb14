"""A client that speaks MQTT 3.1.1, or 3.1, which differs in the name that its CONNECT says."""

from typing import Final

from broker.client import ClientProtocol
from broker.connect import Connect
from broker.encoding import PINGRESP, connack, puback, pubcomp, pubrec, pubrel, suback, unsuback
from broker.frames import Violation
from broker.message import Message
from broker.packets import Kind, read_packet_id, read_subscribe, read_unsubscribe, split_publish
from broker.reasons import REFUSED, Reason
from broker.subscription import PLAIN, Subscription

_PUBLISH: Final = Kind.PUBLISH << 4
# First bytes with their fixed flags (§2.2.2): any other value is a violation.
_PUBACK: Final = Kind.PUBACK << 4
_PUBREC: Final = Kind.PUBREC << 4
_PUBREL: Final = Kind.PUBREL << 4 | 0x02
_PUBCOMP: Final = Kind.PUBCOMP << 4
_SUBSCRIBE: Final = Kind.SUBSCRIBE << 4 | 0x02
_UNSUBSCRIBE: Final = Kind.UNSUBSCRIBE << 4 | 0x02
_PINGREQ: Final = Kind.PINGREQ << 4
_DISCONNECT: Final = Kind.DISCONNECT << 4
# Another broker keeps what is kept here, and never gets back what it brought.
_FOR_BRIDGES: Final = tuple(Subscription(qos, no_local=True, as_published=True) for qos in range(3))


class Client311(ClientProtocol):
    """One method a kind of packet."""

    __slots__ = ()

    def send_connack(self, connect: Connect, *, session_present: bool, packet_size: int) -> None:  # noqa: ARG002 - not in 3.1.1
        self._wire.send(connack(Reason.SUCCESS, session_present=session_present))
        self.session.outgoing.resume(self._wire)

    def handle(self, first: int, body: bytes) -> bool:
        if first & 0xF0 == _PUBLISH:
            self._publish(first, body)
        elif first == _PUBACK:
            if not self.session.outgoing.acknowledged(read_packet_id(body)):
                self.cost += 1
        elif first == _PINGREQ:
            self._wire.send(PINGRESP)
        elif first == _DISCONNECT:
            return False
        else:
            self._handle_rare(first, body)
        return True

    def _handle_rare(self, first: int, body: bytes) -> None:
        if first == _SUBSCRIBE:
            self._subscribe_all(body)
        elif first == _UNSUBSCRIBE:
            self._unsubscribe_all(body)
        elif first == _PUBREC:
            self.cost += 1
            packet_id = read_packet_id(body)
            self.session.outgoing.received(packet_id)
            self._wire.send(pubrel(packet_id))
        elif first == _PUBREL:
            packet_id = read_packet_id(body)
            self._release(packet_id)
            self._wire.send(pubcomp(packet_id))
        elif first == _PUBCOMP:
            self.session.outgoing.completed(read_packet_id(body))
        else:
            raise Violation(f"unexpected packet 0x{first:02x}", Reason.PROTOCOL_ERROR)

    def _publish(self, first: int, body: bytes) -> None:
        """What is not allowed is acknowledged like the rest: 3.1.1 has no answer to it but silence or the door."""
        raw, packet_id, payload = split_publish(first, body)
        try:
            topic = self._known[raw]
        except KeyError:
            topic = self._learn(raw)
        qos = first >> 1 & 0x03
        if qos < 2 or self._receive_half(packet_id):
            message = Message(topic, payload, qos=qos) if topic is not None else None
            self._pass_on(message, retain=bool(first & 0x01))
        if qos:
            self._wire.send(puback(packet_id) if qos == 1 else pubrec(packet_id))

    def _subscribe_all(self, body: bytes) -> None:
        packet_id, wanted = read_subscribe(body, self._most_filters)
        self.cost += len(wanted) - 1
        grants = _FOR_BRIDGES if self.session.is_bridge else PLAIN
        codes = [self._subscribe(topic_filter, grants[qos]) for topic_filter, qos in wanted]
        self._wire.send(suback(packet_id, [min(code, REFUSED) for code in codes]))
        for (topic_filter, _), code in zip(wanted, codes, strict=True):
            if code < REFUSED:
                self._send_kept(topic_filter)

    def _unsubscribe_all(self, body: bytes) -> None:
        packet_id, unwanted = read_unsubscribe(body, self._most_filters)
        self.cost += len(unwanted) - 1
        for topic_filter in unwanted:
            self._broker.unsubscribe(self.session, topic_filter)
        self._wire.send(unsuback(packet_id))
