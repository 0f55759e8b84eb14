"""A will gives no reason by itself; the broker has seen how the connection ended."""

from alerts.endings import REASONS, Endings, ending_in
from rigwatch.ending import ConnectionEnd, Ending
from rigwatch.messages import NodeState, Status
from rigwatch.topics import NodeId

RIG, OTHER = NodeId("garage", "rig1"), NodeId("garage", "rig2")
WILL, BIRTH = Status(NodeState.LOST, 7), Status(NodeState.ONLINE, 7)


def test_a_will_gets_the_reason_that_the_broker_saw_of_this_node() -> None:
    endings = Endings()
    endings.tell(RIG, ConnectionEnd(1, Ending.TIMED_OUT))
    assert endings.explained(RIG, WILL) == Status(NodeState.LOST, 7, reason="it stopped answering")
    assert endings.explained(OTHER, WILL) is WILL


def test_what_was_before_its_last_birth_says_nothing() -> None:
    endings = Endings()
    endings.tell(RIG, ConnectionEnd(1, Ending.TIMED_OUT))
    assert endings.explained(RIG, BIRTH) is BIRTH
    assert endings.explained(RIG, WILL) is WILL


def test_a_reason_of_its_own_stays() -> None:
    endings = Endings()
    endings.tell(RIG, ConnectionEnd(1, Ending.CLOSED))
    will = Status(NodeState.LOST, 7, reason="its key was rotated")
    assert endings.explained(RIG, will) is will


def test_each_is_read_back_from_the_reason() -> None:
    assert {ending_in(words): words for words in REASONS.values()} == REASONS
    assert ending_in("") is None
