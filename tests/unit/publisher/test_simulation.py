import sys

import pytest

from publisher.simulation import Simulation, allow_files, fleet
from rigwatch.keys import MasterKey
from rigwatch.mqtt import Endpoint
from rigwatch.topics import NodeId


def _fleet(nodes: int, sites: int) -> tuple[NodeId, ...]:
    key_of = MasterKey(bytes(32)).node_key
    return fleet(Simulation(Endpoint("127.0.0.1", 1883), key_of, nodes=nodes, sites=sites))


def test_nodes_are_numbered_through_all_sites() -> None:
    names = [str(node) for node in _fleet(5, 2)]
    assert names == ["sim-1/sim-001", "sim-1/sim-002", "sim-1/sim-003", "sim-2/sim-004", "sim-2/sim-005"]


@pytest.mark.parametrize(("nodes", "sites"), [(1, 1), (10, 3), (1000, 7), (3, 5), (12_000, 1)])
def test_every_node_has_a_name_of_its_own_and_no_site_is_crowded(nodes: int, sites: int) -> None:
    everybody = _fleet(nodes, sites)
    assert len(set(everybody)) == len({node.node for node in everybody}) == nodes
    crowds = [sum(node.site == site for node in everybody) for site in {node.site for node in everybody}]
    assert len(crowds) <= sites
    assert max(crowds) <= -(-nodes // sites)
    assert list(everybody) == sorted(everybody, key=lambda node: node.node)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such limit")
def test_the_limit_of_open_files_is_raised_as_far_as_it_may_be(caplog: pytest.LogCaptureFixture) -> None:
    import resource  # noqa: PLC0415 - POSIX only

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        allow_files(300)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)
        allow_files(250)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard), "it is never lowered"
        assert not caplog.records
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
