"""Who is next, and who gives way, when one node sends more than all the others."""

from alerts.ingest import ReceivedMessage
from rigwatch.messages import Report, Status
from subscriber.fair_queue import FairQueue, weight_of
from tests.rigs import birth, report, rig, sample, will


def history(node: str, count: int = 500, size: int = 0) -> ReceivedMessage:
    of = rig(node)
    return ReceivedMessage(of.id, report(*(sample(n=n) for n in range(1, count + 1))), of.key, 0, size)


def said(node: str, body: Status | Report) -> ReceivedMessage:
    return rig(node).heard(body)


def names(batch: list[ReceivedMessage]) -> list[str]:
    return [heard.node.node for heard in batch]


def test_a_death_goes_before_all_history() -> None:
    queue = FairQueue(50_000)
    for _ in range(50):
        queue.put(history("flood"))
    queue.put(said("quiet", will()))
    assert names(queue.take(1000, 1)) == ["quiet"]


def test_every_node_has_a_report_before_anybody_has_a_second() -> None:
    queue = FairQueue(50_000)
    for node in ("flood", "flood", "flood", "a", "flood", "b", "a"):
        queue.put(said(node, report()))
    assert names(queue.take(1000, 4000)) == ["flood", "a", "b", "flood", "a", "flood", "flood"]
    assert (len(queue), queue.waiting) == (0, 0)


def test_every_node_s_births_have_their_turn_as_well_and_stay_in_order() -> None:
    queue = FairQueue(50_000)
    for session in range(1, 6):
        queue.put(said("flood", birth(session)))
    queue.put(said("quiet", birth(7)))
    batch = queue.take(1000, 4000)
    assert names(batch) == ["flood", "quiet", "flood", "flood", "flood", "flood"]
    assert [heard.body.session for heard in batch if heard.node.node == "flood"] == [1, 2, 3, 4, 5]


def test_who_has_the_most_waiting_gives_way_and_nobody_else() -> None:
    queue = FairQueue(2000)
    for _ in range(4):
        assert queue.put(history("flood")) == []
    assert names(queue.put(said("quiet", report()))) == ["flood"]
    queue.put(history("flood"))
    assert queue.is_closed_to(rig("flood").id)
    assert not queue.is_closed_to(rig("quiet").id)
    assert names(queue.put(said("other", will()))) == ["flood"]
    assert names(queue.take(1000, 2000)) == ["other", "flood", "quiet", "flood"]
    assert names(queue.take(1000, 2000)) == ["flood"]


def test_a_node_may_have_all_the_room_while_nobody_else_needs_it() -> None:
    queue = FairQueue(2000)
    for _ in range(3):
        queue.put(history("alone"))
        assert not queue.is_closed_to(rig("alone").id)
    queue.put(history("alone"))
    assert queue.is_closed_to(rig("alone").id)


def test_a_crowd_of_honest_nodes_shares_the_room() -> None:
    queue = FairQueue(10_000)
    gone = [node for node in map(str, range(40)) for each in queue.put(history(f"rig{node}")) for node in names([each])]
    assert len(gone) == 20
    assert queue.waiting == 10_000


def test_a_sample_weighs_what_it_takes() -> None:
    assert weight_of(history("a", 1, size=1500 * 1024)) == 1500
    assert weight_of(history("a", 500, size=20_000)) == 500
    assert weight_of(said("a", will())) == 1


def test_one_node_alone_fills_no_batch_beyond_its_part() -> None:
    queue = FairQueue(50_000)
    for _ in range(8):
        queue.put(history("flood"))
    queue.put(said("quiet", report()))
    assert names(queue.take(1000, 4000)) == ["flood", "quiet", "flood"]
    assert names(queue.take(1000, 4000)) == ["flood", "flood"]
    assert len(queue) == 4
