"""A node that is worked on is in maintenance wherever it is shown."""

from datetime import UTC

from alerts.silence import Matcher, Silence, SilenceKind, at_work
from alerts.status import NodeStatus
from store import Store, housekeeping, reader, silences
from tests.fake_clock import START
from tests.rigs import birth, goodbye, rig
from web.node_view import fleet_at


def test_a_node_that_stopped_within_its_maintenance_is_shown_as_in_maintenance(store: Store) -> None:
    inside, outside = rig("rig1", "garage"), rig("rig2", "attic")
    for each in (inside, outside):
        store.take([each.heard(birth()), each.heard(goodbye())])
    with store.read() as tx:
        before = reader.stamp(tx)
    silence = Silence(0, SilenceKind.MAINTENANCE, Matcher(site="garage"), START, START + 60_000, "ann", "fans", START)
    with store.write() as tx:
        silences.add(tx, silence)
    with store.read() as tx:
        assert reader.stamp(tx) != before
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START, connected_at=START - 1000)

    def statuses(now: int) -> dict[str, NodeStatus]:
        with store.read() as tx:
            is_maintained = at_work(silences.running(tx, now), now, UTC)
            fleet = fleet_at(reader.nodes(tx), reader.server(tx), now, is_maintained=is_maintained)
            return {each.facts.id.site: each.status for each in fleet.views}

    assert statuses(START) == {"attic": NodeStatus.OFFLINE, "garage": NodeStatus.MAINTENANCE}
    with store.write() as tx:
        housekeeping.beat(tx, "subscriber", now=START + 60_000, connected_at=START - 1000)
    assert statuses(START + 60_000) == {"attic": NodeStatus.OFFLINE, "garage": NodeStatus.OFFLINE}
