"""A node that is worked on is in maintenance wherever it is shown."""

from datetime import UTC

from alerts.silence import Matcher, Silence, SilenceKind, at_work
from alerts.status import NodeStatus
from store import Store, silences
from tests.fake_clock import START
from tests.rigs import birth, goodbye, rig
from web.node_view import fleet_at


def test_a_node_that_stopped_within_its_maintenance_is_shown_as_in_maintenance(store: Store) -> None:
    inside, outside = rig("rig1", "garage"), rig("rig2", "attic")
    for each in (inside, outside):
        store.take([each.heard(birth()), each.heard(goodbye())])
    before = store.stamp()
    silence = Silence(0, SilenceKind.MAINTENANCE, Matcher(site="garage"), START, START + 60_000, "ann", "fans", START)
    store.change(lambda tx: silences.add(tx, silence))
    assert store.stamp() != before
    store.beat("subscriber", START, START - 1000)

    def statuses(now: int) -> list[NodeStatus]:
        is_maintained = at_work(store.silences(now), now, UTC)
        return [each.status for each in fleet_at(store.nodes(), store.server(), now, is_maintained=is_maintained).views]

    assert statuses(START) == [NodeStatus.OFFLINE, NodeStatus.MAINTENANCE]
    store.beat("subscriber", START + 60_000, START - 1000)
    assert statuses(START + 60_000) == [NodeStatus.OFFLINE, NodeStatus.OFFLINE]
