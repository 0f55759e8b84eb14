"""A client that speaks MQTT 5. Numbers like §3.3.2 are those of its standard."""

from typing import Final

from broker.access import Admitted
from broker.client import HALF_RECEIVED, ClientProtocol
from broker.connect import Connect, ConnectOptions, expiry_of
from broker.embedded import EmbeddedBroker
from broker.encoding import PINGRESP, puback, pubcomp, pubrec, pubrel
from broker.encoding5 import Encoder, acknowledgement, connack5, disconnect5, suback5, unsuback5
from broker.frames import Violation
from broker.message import Message
from broker.outgoing import Wire
from broker.packets import Kind
from broker.packets5 import (
    FilterRequest,
    read_acknowledgement,
    read_disconnect,
    read_subscribe5,
    read_unsubscribe5,
    split_publish5,
)
from broker.properties import NONE, Properties, Property
from broker.reasons import REFUSED, Reason
from broker.session import ClientSession

KEEP_ALIVE: Final = 60
"""Seconds between two signs of life, at most; who wants more of them, or no keep-alive, is told so (§3.2.2.3.14)."""
ALIASES: Final = 32
"""Topics for which a client may use a number. Only those that it may publish are remembered."""
_PUBLISH: Final = Kind.PUBLISH << 4
_PUBACK: Final = Kind.PUBACK << 4
_PUBREC: Final = Kind.PUBREC << 4
_PUBREL: Final = Kind.PUBREL << 4 | 0x02
_PUBCOMP: Final = Kind.PUBCOMP << 4
_SUBSCRIBE: Final = Kind.SUBSCRIBE << 4 | 0x02
_UNSUBSCRIBE: Final = Kind.UNSUBSCRIBE << 4 | 0x02
_PINGREQ: Final = Kind.PINGREQ << 4
_DISCONNECT: Final = Kind.DISCONNECT << 4
_NOT_FOUND: Final = Reason.PACKET_ID_NOT_FOUND
_REMEMBERED: Final = 512
# As many as cost what a packet does: properties of a PUBLISH; bytes of other packets, where these may be properties as
# well; bytes of a topic that an alias stands for.
_PROPERTIES_A_PACKET: Final = 8
_BYTES_A_PACKET: Final = 64
_TOPIC_A_PACKET: Final = 512


class Client5(ClientProtocol):
    """One method a kind of packet."""

    __slots__ = ("_aliases", "_assigned_id", "_options", "_parting")

    def __init__(
        self,
        broker: EmbeddedBroker,
        wire: Wire,
        session: ClientSession,
        *,
        connect: Connect,
        admitted: Admitted,
        address: str,
    ) -> None:
        super().__init__(broker, wire, session, connect=connect, admitted=admitted, address=address)
        self._options = connect.options or ConnectOptions()
        self._assigned_id = admitted.assigned_id
        self._aliases: dict[int, bytes] = {}
        self._parting = ""
        if not 0 < connect.keep_alive <= KEEP_ALIVE:
            self.keep_alive = KEEP_ALIVE

    def send_connack(self, connect: Connect, *, session_present: bool, packet_size: int) -> None:
        options = self._options
        told: list[tuple[Property, int | str]] = [
            (Property.RECEIVE_MAXIMUM, HALF_RECEIVED),
            (Property.PACKET_MAXIMUM, packet_size),
            (Property.ALIAS_MAXIMUM, ALIASES),
        ]
        if self.session.expiry != options.session_expiry:
            told.append((Property.SESSION_EXPIRY, self.session.expiry))
        if self._assigned_id:
            told.append((Property.ASSIGNED_CLIENT_ID, self._assigned_id))
        if self.keep_alive != connect.keep_alive:
            told.append((Property.SERVER_KEEP_ALIVE, self.keep_alive))
        self._wire.send(connack5(Reason.SUCCESS, session_present=session_present, properties=told))
        encoder = Encoder(self._broker.now, packet_maximum=options.packet_maximum, alias_maximum=options.alias_maximum)
        self.session.outgoing.resume(self._wire, encoder.publish, options.receive_maximum)

    def handle(self, first: int, body: bytes) -> bool:
        if first & 0xF0 == _PUBLISH:
            self._publish(first, body)
            return True
        if len(body) >= _BYTES_A_PACKET:
            self.cost += len(body) // _BYTES_A_PACKET
        if first == _PUBACK:
            # A refusal ends the delivery as well: what this client will not have is not sent to it again.
            if not self.session.outgoing.acknowledged(read_acknowledgement(body)[0]):
                self.cost += 1
        elif first == _PINGREQ:
            _check_empty(body)
            self._wire.send(PINGRESP)
        elif first == _DISCONNECT:
            self._go(body)
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
            self._half_sent(*read_acknowledgement(body))
        elif first == _PUBREL:
            packet_id, _ = read_acknowledgement(body, is_release=True)
            known = self._release(packet_id)
            self._wire.send(pubcomp(packet_id) if known else acknowledgement(_PUBCOMP, packet_id, _NOT_FOUND))
        elif first == _PUBCOMP:
            self.session.outgoing.completed(read_acknowledgement(body, is_release=True)[0])
        else:
            # AUTH among them: nobody has begun an exchange that it could be part of (§4.12).
            raise Violation(f"unexpected packet 0x{first:02x}", Reason.PROTOCOL_ERROR)

    def disconnect_packet(self, reason: Reason, text: str) -> bytes:
        for packet in (disconnect5(reason, text), disconnect5(reason)):
            if len(packet) <= (self._options.packet_maximum or len(packet)):
                return packet
        return b""

    def end(self, reason: str) -> None:
        super().end(reason or self._parting)

    def _go(self, body: bytes) -> None:
        """Only a goodbye without a reason voids the will (§3.14.4)."""
        reason, expiry = read_disconnect(body)
        if expiry is not None:
            if expiry and not self.session.expiry:
                raise Violation("a session that ends with its connection cannot be kept", Reason.PROTOCOL_ERROR)
            self.session.keep_for(self._broker.session_expiry(expiry))
        if reason:
            self._parting = f"it said 0x{reason:02x}"

    def _publish(self, first: int, body: bytes) -> None:
        raw, packet_id, properties, payload = split_publish5(first, body)
        topic = self._known.get(raw) if properties is NONE else None
        if topic is None:
            self.cost += properties.count // _PROPERTIES_A_PACKET
            topic = self._topic_of(raw, properties)
        qos = first >> 1 & 0x03
        if topic is None:
            self._pass_on(None, retain=False)
            if qos:
                kind = _PUBACK if qos == 1 else _PUBREC
                self._wire.send(acknowledgement(kind, packet_id, Reason.NOT_AUTHORIZED))
            return
        if qos < 2 or self._receive_half(packet_id):
            plain = properties is NONE
            message = Message(topic, payload, qos=qos) if plain else self._message(topic, payload, qos, properties)
            self._pass_on(message, retain=bool(first & 0x01))
        if qos:
            self._wire.send(puback(packet_id) if qos == 1 else pubrec(packet_id))

    def _message(self, topic: str, payload: bytes, qos: int, properties: Properties) -> Message:
        expires_at = self._broker.expires_at(expiry_of(properties))
        return Message(topic, payload, qos=qos, properties=properties.travelling, expires_at=expires_at)

    def _topic_of(self, raw: bytes, properties: Properties) -> str | None:
        """The topic, by its alias perhaps, if this client may publish it."""
        alias = properties.number(Property.ALIAS, 0)
        if alias > ALIASES:
            raise Violation(f"topic alias {alias}, the largest is {ALIASES}", Reason.ALIAS_INVALID)
        if not raw:
            if alias not in self._aliases:
                raise Violation("PUBLISH without a topic, or an alias that has none", Reason.PROTOCOL_ERROR)
            raw = self._aliases[alias]
            self.cost += len(raw) // _TOPIC_A_PACKET
            return self._learn(raw) if raw else None
        topic = self._learn(raw)
        if alias:
            # What is not allowed and long is not worth its memory.
            self._aliases[alias] = raw if topic is not None or len(raw) <= _REMEMBERED else b""
        return topic

    def _half_sent(self, packet_id: int, reason: int) -> None:
        outgoing = self.session.outgoing
        self.cost += 1
        if reason >= REFUSED:
            outgoing.rejected(packet_id)
        elif outgoing.received(packet_id):
            self._wire.send(pubrel(packet_id))
        else:
            self._wire.send(acknowledgement(_PUBREL, packet_id, _NOT_FOUND))

    def _subscribe_all(self, body: bytes) -> None:
        packet_id, wanted = read_subscribe5(body, self._most_filters)
        self.cost += len(wanted) - 1
        before = [each.topic_filter in self.session.subscriptions for each in wanted]
        codes = [self._subscribe(each.topic_filter, each.options) for each in wanted]
        self._answer(suback5(packet_id, codes))
        for each, was_there, code in zip(wanted, before, codes, strict=True):
            if code < REFUSED and _wants_kept(each, was_there=was_there):
                self._send_kept(each.topic_filter)

    def _unsubscribe_all(self, body: bytes) -> None:
        packet_id, unwanted = read_unsubscribe5(body, self._most_filters)
        self.cost += len(unwanted) - 1
        ended = [self._broker.unsubscribe(self.session, each) for each in unwanted]
        self._answer(unsuback5(packet_id, [Reason.SUCCESS if each else Reason.NO_SUBSCRIPTION for each in ended]))

    def _answer(self, packet: bytes) -> None:
        """One that grows with what was asked (§3.1.2.11.4)."""
        if len(packet) > (self._options.packet_maximum or len(packet)):
            raise Violation("the answer is larger than the client takes", Reason.PACKET_TOO_LARGE)
        self._wire.send(packet)


def _wants_kept(wanted: FilterRequest, *, was_there: bool) -> bool:
    return wanted.retain_handling == 0 or (wanted.retain_handling == 1 and not was_there)


def _check_empty(body: bytes) -> None:
    if body:
        raise Violation("packet is longer than its fields")
