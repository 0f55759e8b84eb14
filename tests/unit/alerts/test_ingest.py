"""What is opened, what counts, and when samples were taken."""

import msgspec
import pytest

from alerts.ingest import (
    NodeSession,
    ReceivedMessage,
    Rejected,
    RejectReason,
    ReportTaken,
    StatusTaken,
    judge,
    open_message,
)
from rigwatch.keys import NodeKey
from rigwatch.messages import NodeState, Sample, Status
from rigwatch.mqtt import MqttMessage
from rigwatch.topics import NodeId
from tests.fake_clock import START
from tests.rigs import MASTER, birth, goodbye, report, rig, sample, will

MINUTE = 60_000
ONLINE_5 = NodeSession(5, NodeState.ONLINE, START - MINUTE)


class Keys:
    """Accepts these keys for rig1 and nothing for anybody else."""

    def __init__(self, *keys: NodeKey, former: NodeKey | None = None) -> None:
        self.keys = keys
        self.former = former

    def accepted_keys(self, node: NodeId, _now: int) -> tuple[NodeKey, ...]:
        return self.keys if node.node == "rig1" else ()

    def former_key(self, _node: NodeId) -> NodeKey | None:
        return self.former

    def why_none(self, _node: NodeId) -> str:
        return "nobody has enrolled it"


OWN = Keys(rig().key)


def refusal(message: MqttMessage, keys: Keys = OWN) -> RejectReason:
    answer = open_message(message, keys, START)
    assert isinstance(answer, Rejected)
    assert answer.topic == message.topic
    return answer.reason


def test_it_opens_a_message_with_the_node_s_key() -> None:
    sealed = rig().sealed(birth())
    assert open_message(sealed, OWN, START) == ReceivedMessage(rig().id, birth(), rig().key, START, len(sealed.payload))


def test_it_opens_a_message_with_an_older_key_that_is_still_accepted() -> None:
    newer = MASTER.node_key(rig().id, 1)
    heard = open_message(rig().sealed(birth()), Keys(newer, rig().key), START)
    assert isinstance(heard, ReceivedMessage)
    assert heard.key == rig().key


def test_it_refuses_a_key_that_is_not_accepted_any_more() -> None:
    assert refusal(rig().sealed(birth()), Keys(MASTER.node_key(rig().id, 1))) is RejectReason.SEAL


def test_what_comes_with_the_key_that_was_rotated_away_says_only_that_it_is_not_heard_any_more() -> None:
    keys = Keys(MASTER.node_key(rig().id, 1), former=rig().key)
    lost = Status(NodeState.LOST, 7, reason="its key is no longer accepted")
    for said in (will(7), birth(7), report(session=7)):
        heard = open_message(rig().sealed(said), keys, START)
        assert isinstance(heard, ReceivedMessage)
        assert heard.body == lost
    leaving = open_message(rig().sealed(goodbye(7)), keys, START)
    assert isinstance(leaving, ReceivedMessage)
    assert leaving.body == goodbye(7)
    assert refusal(rig().sealed(birth()), Keys(MASTER.node_key(rig().id, 2), former=MASTER.node_key(rig().id, 1))) is (
        RejectReason.SEAL
    )


def test_it_refuses_a_node_that_is_not_enrolled() -> None:
    assert refusal(rig("stranger").sealed(birth())) is RejectReason.ACCESS


def test_it_refuses_a_message_moved_to_another_topic() -> None:
    moved = MqttMessage("rigwatch/v1/main/rig1/report", rig().sealed(birth()).payload, retained=False)
    assert refusal(moved) is RejectReason.SEAL


@pytest.mark.parametrize("payload", [b"", b"\x01", b"x" * 200, b"\x02" + b"x" * 50], ids=repr)
def test_it_refuses_what_is_not_an_envelope(payload: bytes) -> None:
    assert refusal(MqttMessage("rigwatch/v1/main/rig1/status", payload, retained=False)) is RejectReason.SEAL


@pytest.mark.parametrize(
    "topic", ["", "rigwatch/v1/main/rig1", "rigwatch/v1/server/status", "rigwatch/v2/main/rig1/status", "$SYS/broker"]
)
def test_it_refuses_a_topic_of_no_node(topic: str) -> None:
    assert refusal(MqttMessage(topic, b"", retained=False)) is RejectReason.TOPIC


def test_it_refuses_the_channels_a_node_does_not_speak_on() -> None:
    assert refusal(MqttMessage("rigwatch/v1/main/rig1/ack", b"", retained=False)) is RejectReason.TOPIC


def test_it_refuses_a_sealed_message_that_is_not_one_of_ours() -> None:
    topic = "rigwatch/v1/main/rig1/status"
    payload = rig().key.seal_key.seal(topic, b'{"state":"dancing","session":1}')
    assert refusal(MqttMessage(topic, payload, retained=False)) is RejectReason.CONTENT


def judged(body: object, known: NodeSession, received_at: int = START) -> StatusTaken | ReportTaken | Rejected:
    return judge(ReceivedMessage(rig().id, body, rig().key, received_at), known)  # type: ignore[arg-type]


def known_after(body: object, known: NodeSession) -> NodeSession:
    verdict = judged(body, known)
    assert not isinstance(verdict, Rejected)
    return verdict.known


def test_a_birth_makes_an_unknown_node_online() -> None:
    assert known_after(birth(5), NodeSession()) == NodeSession(5, NodeState.ONLINE, START, born_at=START)


def test_a_birth_of_a_newer_session_is_news() -> None:
    assert known_after(birth(6), ONLINE_5) == NodeSession(6, NodeState.ONLINE, START, born_at=START)


def test_a_birth_brings_the_interval() -> None:
    assert known_after(birth(6, interval=2.5), ONLINE_5).interval == 2500


def test_a_birth_heard_again_does_not_change_since_when_the_node_is_online() -> None:
    assert known_after(birth(5), ONLINE_5) == ONLINE_5


@pytest.mark.parametrize(
    "body", [birth(4), will(4), goodbye(4), report(session=4)], ids=["birth", "will", "bye", "report"]
)
def test_it_refuses_a_message_of_an_older_session_and_names_the_current_one(body: object) -> None:
    verdict = judged(body, ONLINE_5)
    assert isinstance(verdict, Rejected)
    assert verdict.reason is RejectReason.OLD_SESSION
    assert verdict.session == 5


def test_a_will_of_the_current_session_makes_the_node_lost() -> None:
    assert known_after(will(5), ONLINE_5) == NodeSession(5, NodeState.LOST, START)


def test_a_will_of_a_newer_session_tells_of_a_birth_that_was_missed() -> None:
    assert known_after(will(6), ONLINE_5) == NodeSession(6, NodeState.LOST, START)


def test_a_goodbye_makes_the_node_offline() -> None:
    assert known_after(goodbye(5), ONLINE_5) == NodeSession(5, NodeState.OFFLINE, START)


def test_a_will_that_follows_a_goodbye_of_its_session_is_no_loss() -> None:
    offline = NodeSession(5, NodeState.OFFLINE, START - MINUTE)
    assert known_after(will(5), offline) == offline


def test_a_birth_replayed_after_the_will_of_its_session_revives_nobody() -> None:
    lost = NodeSession(5, NodeState.LOST, START - MINUTE)
    assert known_after(birth(5), lost) == lost


def test_only_a_birth_or_a_will_that_repeats_it_describes_the_node() -> None:
    bare, whole = judged(will(6), ONLINE_5), judged(Status(NodeState.LOST, 6, host="host1", interval=10), ONLINE_5)
    assert isinstance(bare, StatusTaken)
    assert isinstance(whole, StatusTaken)
    assert (bare.identity, bare.known.interval) == (False, 60_000)
    assert (whole.identity, whole.known.interval) == (True, 10_000)


def test_a_report_of_a_newer_session_is_believed_and_raises_the_session() -> None:
    assert known_after(report(session=6), ONLINE_5) == NodeSession(6, NodeState.ONLINE, START, born_at=START)
    assert known_after(report(session=6), NodeSession()) == NodeSession(6, NodeState.ONLINE, START, born_at=START)


def test_a_report_does_not_revive_a_node_that_was_lost_in_the_same_session() -> None:
    lost = NodeSession(5, NodeState.LOST, START - MINUTE)
    assert known_after(report(session=5), lost) == lost


def timed(*samples: Sample, sent_at: int = START, received_at: int = START) -> ReportTaken:
    verdict = judged(report(*samples, session=5, sent_at=sent_at), ONLINE_5, received_at)
    assert isinstance(verdict, ReportTaken)
    return verdict


@pytest.mark.parametrize("offset", [-2000, -1, 0, 2000])
def test_a_clock_within_two_seconds_is_believed(offset: int) -> None:
    taken = timed(sample(START - 500), sent_at=START - offset)
    assert taken.samples[0].at == START - 500
    assert taken.clock_offset == offset


@pytest.mark.parametrize("offset", [-7_200_000, -2001, 2001, 86_400_000])
def test_a_clock_that_is_further_off_is_put_right(offset: int) -> None:
    taken = timed(sample(START - offset - 500), sent_at=START - offset)
    assert taken.samples[0].at == START - 500
    assert taken.clock_offset == offset


@pytest.mark.parametrize("offset", [-7_200_000, -2001, 2001, 86_400_000])
def test_the_moment_of_the_last_share_is_put_right_with_the_sample(offset: int) -> None:
    said = msgspec.structs.replace(sample(START - offset - 500), last_share_at=START - offset - 900)
    assert timed(said, sent_at=START - offset).samples[0].sample.last_share_at == START - 900


@pytest.mark.parametrize(("told", "kept"), [(None, None), (0, 0), (5, 0), (2**53, 2**53 - 5000)])
def test_a_last_share_that_is_unknown_or_beyond_all_bounds_stays_storable(told: int | None, kept: int | None) -> None:
    said = msgspec.structs.replace(sample(START + 5000), last_share_at=told)
    assert timed(said, sent_at=START + 5000).samples[0].sample.last_share_at == kept


def test_a_sample_younger_than_two_intervals_is_live() -> None:
    taken = timed(sample(START - 2 * MINUTE + 1), sample(START - 2 * MINUTE))
    assert [each.live for each in taken.samples] == [True, False]


def test_a_sample_from_the_future_is_taken_as_past_history() -> None:
    # Taken while the rig's clock was a year ahead, sent after it was set right.
    taken = timed(sample(START + 365 * 86_400_000))
    assert (taken.samples[0].at, taken.samples[0].live) == (START, False)


def test_a_sample_from_before_1970_is_placed_at_its_beginning() -> None:
    taken = timed(sample(0, n=1), sent_at=START + MINUTE)
    assert taken.samples[0].at == 0


YEAR = 365 * 24 * 3_600_000
FUTURE = START + 14 * YEAR
NEXT_KEY = MASTER.node_key(rig().id, 1)


def said(body: object, known: NodeSession, key: NodeKey | None = None, at: int = START) -> NodeSession:
    verdict = judge(ReceivedMessage(rig().id, body, key or rig().key, at), known)  # type: ignore[arg-type]
    assert not isinstance(verdict, Rejected), verdict
    return verdict.known


def refused(body: object, known: NodeSession, key: NodeKey | None = None, at: int = START) -> Rejected:
    verdict = judge(ReceivedMessage(rig().id, body, key or rig().key, at), known)  # type: ignore[arg-type]
    assert isinstance(verdict, Rejected)
    return verdict


def test_a_session_that_no_clock_can_have_begun_is_refused_and_changes_nothing() -> None:
    for body in (birth(2**53), will(2**53), report(session=2**53)):
        assert refused(body, ONLINE_5).reason is RejectReason.AHEAD


def test_a_session_of_the_future_locks_out_no_session_of_today() -> None:
    known = said(birth(FUTURE), said(birth(START), NodeSession()))
    assert known.session == FUTURE
    known = said(birth(START + 1), known)
    assert (known.session, known.other_session, known.state) == (START + 1, FUTURE, NodeState.ONLINE)
    assert refused(will(FUTURE), known).reason is RejectReason.OLD_SESSION
    assert refused(will(START), known).reason is RejectReason.OLD_SESSION


def test_who_lives_in_a_session_that_one_of_the_future_ended_is_told_to_begin_the_next() -> None:
    known = said(birth(FUTURE), said(birth(START), NodeSession()))
    told = refused(report(session=START), known).session
    assert told == START + 1
    assert said(birth(told + 1), known).session == told + 1


def test_a_rig_whose_clock_is_years_ahead_is_heard_and_told_of_its_own_past() -> None:
    known = said(birth(FUTURE), NodeSession())
    assert said(report(session=FUTURE), known).state is NodeState.ONLINE
    assert refused(birth(FUTURE - 5), known).session == FUTURE
    known = said(birth(FUTURE + 1), known)
    # Its clock is set right, and later it is reinstalled.
    known = said(birth(FUTURE + 2), known)
    assert said(birth(START + 1), known).session == START + 1


def test_a_server_whose_clock_was_wrong_and_is_set_right_hears_everybody_on() -> None:
    for wrong in (0, 30 * YEAR, FUTURE):
        known = said(birth(START), NodeSession())
        known = said(birth(START + 5), known, at=wrong)
        assert said(report(session=START + 5), known, at=wrong).session == START + 5
        known = said(birth(START + 9), known)
        assert refused(will(START + 5), known).session == START + 9
        assert said(will(START + 9), known).state is NodeState.LOST


def test_with_a_new_key_a_node_begins_anew_and_the_old_one_counts_no_more() -> None:
    known = said(birth(START + 3600), NodeSession())
    known = said(birth(START), known, NEXT_KEY)
    assert (known.session, known.generation) == (START, 1)
    for body in (will(START), will(START + 3600), birth(START + 7200), report(session=START + 7200)):
        rejected = refused(body, known)
        assert (rejected.reason, rejected.session) == (RejectReason.OLD_KEY, 0)


def test_while_two_keys_are_accepted_the_old_one_counts_until_the_new_one_is_used() -> None:
    known = said(birth(START + 1), said(birth(START), NodeSession()))
    assert known.generation == 0
    assert said(will(START + 1), known).state is NodeState.LOST
