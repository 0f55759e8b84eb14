from rigwatch.topics import NodeId
from subscriber.announcement import Announcement

FIRST, SECOND = NodeId("main", "rig1"), NodeId("main", "rig2")


def test_each_node_is_told_once_a_session_and_again_when_it_changes() -> None:
    current: tuple[str, ...] | None = None
    announcement = Announcement(lambda: current)
    assert announcement.due(FIRST, 1) is None
    current = ("mqtts://new:8883",)
    assert announcement.due(FIRST, 1) == current
    assert announcement.due(FIRST, 1) is None
    assert announcement.due(SECOND, 1) == current
    assert announcement.count() == 2
    assert announcement.due(FIRST, 2) == current
    current = ()
    assert announcement.count() == 0
    assert announcement.due(FIRST, 2) == ()
    assert announcement.due(FIRST, 2) is None
    assert announcement.count() == 1
