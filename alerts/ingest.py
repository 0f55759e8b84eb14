"""What becomes of a message: opened or not, counted or not, and when its samples were taken. Pure.

The rules are those of `docs/protocol.md`. A session only ever grows, and within one session a node's state only goes
from online to lost to offline; so whatever is replayed, redelivered or late can change nothing.
"""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Protocol

from msgspec import Struct, structs

from alerts.contest import Contest
from alerts.facts import KEY_ENDED
from rigwatch.clock import Millis
from rigwatch.envelope import key_id_of
from rigwatch.errors import DecodeError, OpenError, TopicError
from rigwatch.keys import NodeKey
from rigwatch.messages import NodeState, Report, Sample, Status, decode
from rigwatch.topics import NodeId, TopicLevel, parse_topic, topic_of

CLOCK_TOLERANCE: Millis = 2_000
"""A rig whose clock is off by no more than this is believed to the millisecond."""

AHEAD: Millis = 24 * 3_600_000
"""A session so far ahead of the server's clock may be of a rig whose clock is wrong by a zone: it counts as any other.

One that is further ahead counts only against others of its kind, so that no session within this bound is ever too low.
"""

AHEAD_MOST: Millis = 100 * 366 * 24 * 3_600_000
"""No clock is so wrong: a session that is further ahead than this is refused."""

LIVE_INTERVALS = 2
"""A sample younger than this many intervals when it arrives is live; older ones are history."""


_LATEST: Millis = 2**53


class RejectReason(StrEnum):
    """Why a message was not taken."""

    TOPIC = "not a topic of a node"
    ACCESS = "node is not enrolled"
    SEAL = "not sealed by this node"
    CONTENT = "not a valid message"
    OLD_SESSION = "of an older session"
    OLD_KEY = "sealed with an older key than the node has used since"
    AHEAD = "of a session that no clock can have begun yet"
    OVERFLOW = "no room left, the database is too slow or away"
    UNSTORABLE = "the database cannot hold it"


class Rejected(Struct, frozen=True):
    """A message that changes nothing. `detail` says more for the log; it holds no payload and no key.

    `session` is the node's current one where the message was of an older: the answer to it.
    """

    topic: str
    reason: RejectReason
    detail: str = ""
    session: int = 0


class ReceivedMessage(Struct, frozen=True):
    """An authentic message of a node. `key` is the one it was sealed with: the answer is sealed with the same.

    `size` is that of its payload, in bytes. `contest` is set on the birth of a second publisher.
    """

    node: NodeId
    body: Status | Report
    key: NodeKey
    received_at: Millis
    size: int = 0
    contest: Contest | None = None

    @property
    def topic(self) -> str:
        return topic_of(self.node, TopicLevel.STATUS if isinstance(self.body, Status) else TopicLevel.REPORT)


class NodeSession(Struct, frozen=True):
    """What must be known of a node to judge its next message. `state` None and `session` 0: never heard of.

    `session` is the current one. `other_session` is the highest of the other kind: of those further ahead of the
    clock than `AHEAD` where the current one is not, and of those within it where the current one is ahead.
    `generation` is that of the newest key the node was heard with; what older ones seal counts no more.
    `born_at` is when the first birth or report of a session came; a will alone tells of no birth.
    """

    session: int = 0
    state: NodeState | None = None
    state_at: Millis | None = None
    interval: Millis = 60_000
    born_at: Millis | None = None
    other_session: int = 0
    generation: int = 0


class CorrectedSample(Struct, frozen=True):
    """A sample with the moment it was taken by the server's clock. Only live ones count as the node's present."""

    sample: Sample
    at: Millis
    live: bool


class StatusTaken(Struct, frozen=True):
    """A birth, will or goodbye that counts. `identity` tells whether its description of the node counts as well."""

    known: NodeSession
    identity: bool


class ReportTaken(Struct, frozen=True):
    """A report that counts. `clock_offset`: by how many ms the rig's clock is behind the server's."""

    known: NodeSession
    clock_offset: int
    samples: tuple[CorrectedSample, ...]


class IncomingMessage(Protocol):
    """What was received: `rigwatch.mqtt.MqttMessage`, or anything like it."""

    @property
    def topic(self) -> str: ...
    @property
    def payload(self) -> bytes: ...


class NodeKeys(Protocol):
    """Which keys a node may use now: `rigwatch.registry.NodeAccess`."""

    def accepted_keys(self, node: NodeId, now: Millis) -> tuple[NodeKey, ...]: ...
    def former_key(self, node: NodeId) -> NodeKey | None: ...
    def why_none(self, node: NodeId) -> str: ...


_READ: dict[TopicLevel, Callable[[bytes], Status | Report]] = {
    TopicLevel.STATUS: lambda data: decode(data, Status),
    TopicLevel.REPORT: lambda data: decode(data, Report),
}
_RANK = {None: -1, NodeState.ONLINE: 0, NodeState.LOST: 1, NodeState.OFFLINE: 2}


def open_message(message: IncomingMessage, access: NodeKeys, received_at: Millis) -> ReceivedMessage | Rejected:
    """The typed message, when its node's own key sealed it for its own topic; costs about 10 µs."""
    try:
        node, channel = parse_topic(message.topic)
    except TopicError as exc:
        return Rejected(message.topic[:200], RejectReason.TOPIC, str(exc)[:200])
    if channel not in _READ:
        return Rejected(message.topic, RejectReason.TOPIC, "nodes do not send this")
    keys = access.accepted_keys(node, received_at)
    if not keys:
        return Rejected(message.topic, RejectReason.ACCESS, access.why_none(node))
    try:
        key = _key_of(message.payload, keys)
        body = _READ[channel](key.seal_key.open(message.topic, message.payload))
    except OpenError as exc:
        left_behind = _left_behind(message, node, access.former_key(node), received_at)
        return left_behind or Rejected(message.topic, RejectReason.SEAL, str(exc))
    except DecodeError as exc:
        return Rejected(message.topic, RejectReason.CONTENT, str(exc))
    return ReceivedMessage(node, body, key, received_at, len(message.payload))


def judge(heard: ReceivedMessage, known: NodeSession) -> StatusTaken | ReportTaken | Rejected:
    """Whether the message counts, given what is known of its node, and what is known afterwards.

    A session above the known one is believed whatever message it comes with: its birth may have been lost, or may
    still be on its way through another subscriber. A will of a newer session is how a node is found that came and died
    while the subscriber was away. With the first message of a newer key a node begins anew, as one nobody has heard of.
    """
    body, generation = heard.body, heard.key.generation
    if generation < known.generation:
        return Rejected(heard.topic, RejectReason.OLD_KEY, f"generation {generation} is older than {known.generation}")
    if body.session > heard.received_at + AHEAD_MOST:
        return Rejected(heard.topic, RejectReason.AHEAD, "session is a century ahead")
    if generation > known.generation:
        known = NodeSession(interval=known.interval, generation=generation)
    if body.session != known.session:
        least = _least_session(body.session, known, heard.received_at + AHEAD)
        if body.session < least:
            # Above its own as well, so that the node that lives begins one above all that counts against it.
            told = max(least - 1, body.session + 1)
            return Rejected(
                heard.topic, RejectReason.OLD_SESSION, f"session {body.session} is older than {least - 1}", told
            )
    if isinstance(body, Status):
        return _take_status(body, known, heard.received_at)
    return _take_report(body, known, heard.received_at)


def _least_session(session: int, known: NodeSession, bound: Millis) -> int:
    """The lowest that is new beside those of the same kind, ahead of the bound or within it."""
    same = [each for each in (known.session, known.other_session) if (each > bound) is (session > bound)]
    return max(same, default=0) + 1


def _other_session(session: int, known: NodeSession, bound: Millis) -> int:
    """The highest of the other kind, once `session` is the current one."""
    others = [each for each in (known.session, known.other_session) if (each > bound) is not (session > bound)]
    return max(others, default=0)


def _take_status(status: Status, known: NodeSession, now: Millis) -> StatusTaken:
    # A will that came out for a node which had said goodbye, or a birth replayed after either, is not news.
    stays = status.session == known.session and _RANK[status.state] <= _RANK[known.state]
    birth = status.state is NodeState.ONLINE
    following = structs.replace(
        _begun(status.session, known, now),
        state=known.state if stays else status.state,
        state_at=known.state_at if stays else now,
        interval=round(status.interval * 1000) if birth or status.host else known.interval,
        born_at=now if birth and not stays else known.born_at,
    )
    # A will may be sent bare; one that repeats its birth is as good as that, for whoever missed the birth.
    return StatusTaken(following, identity=birth or bool(status.host))


def _begun(session: int, known: NodeSession, now: Millis) -> NodeSession:
    """With this session as the current one."""
    if session == known.session:
        return known
    return structs.replace(known, session=session, other_session=_other_session(session, known, now + AHEAD))


def _take_report(report: Report, known: NodeSession, now: Millis) -> ReportTaken:
    if report.session != known.session:
        known = structs.replace(_begun(report.session, known, now), state=NodeState.ONLINE, state_at=now, born_at=now)
    offset = now - report.sent_at
    shift = offset if abs(offset) > CLOCK_TOLERANCE else 0
    live_from = now - LIVE_INTERVALS * known.interval
    samples = tuple(_time(_put_right(sample, shift), sample.at + shift, live_from, now) for sample in report.samples)
    return ReportTaken(known, offset, samples)


def _put_right(sample: Sample, shift: Millis) -> Sample:
    """What the rig's clock told beside `at`, which is put right by whoever stores it."""
    if not shift or not sample.last_share_at:
        return sample
    return structs.replace(sample, last_share_at=min(max(sample.last_share_at + shift, 0), _LATEST))


def _time(sample: Sample, at: Millis, live_from: Millis, now: Millis) -> CorrectedSample:
    # The rig's clock was ahead when this was taken and has been set since: when it was, nobody knows; it is past.
    if at > now + CLOCK_TOLERANCE:
        return CorrectedSample(sample, now, live=False)
    return CorrectedSample(sample, max(at, 0), live=at > live_from)


def _left_behind(
    message: IncomingMessage, node: NodeId, former: NodeKey | None, received_at: Millis
) -> ReceivedMessage | None:
    """What a node says that still has the key which was rotated away: nothing but that it cannot be heard any more.

    The broker has closed its connection, and its will is the last of it; or the broker is another and lets it go on.
    """
    if former is None:
        return None
    try:
        _, channel = parse_topic(message.topic)
        body = _READ[channel](former.seal_key.open(message.topic, message.payload))
    except (OpenError, DecodeError):
        return None
    if isinstance(body, Status) and body.state is NodeState.OFFLINE:
        return ReceivedMessage(node, body, former, received_at)
    return ReceivedMessage(node, Status(NodeState.LOST, body.session, reason=KEY_ENDED), former, received_at)


def _key_of(envelope: bytes, keys: Sequence[NodeKey]) -> NodeKey:
    key_id = key_id_of(envelope)
    for key in keys:
        if key.seal_key.key_id == key_id:
            return key
    raise OpenError("sealed with another key")
