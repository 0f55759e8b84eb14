from statistics import fmean, pstdev

from publisher.sources.reading import Reading, checked
from publisher.sources.simulated import BLOCK_TIME, SimulatedSettings, SimulatedSource, height_at
from publisher.sources.source import Context
from rigwatch.topics import NodeId
from tests.fake_clock import FakeClock


def _run(node: str = "sim-001", *, seed: int = 0, reads: int = 300, every: float = 10.0) -> list[Reading]:
    clock = FakeClock()
    source = SimulatedSource(SimulatedSettings(seed=seed), Context(NodeId("main", node), clock))
    readings = []
    for _ in range(reads):
        readings.append(checked(source.read()))
        clock.move(every)
    return readings


def test_the_same_seed_and_node_give_the_same_figures() -> None:
    assert _run() == _run()
    assert _run()[-1] != _run(seed=1)[-1]
    assert _run()[-1] != _run("sim-002")[-1]


def test_the_hashrate_drifts_a_little_around_its_mean() -> None:
    rates = [reading.hashrate or 0.0 for reading in _run()]
    mean = fmean(rates)
    assert 28e6 < mean < 120e6
    assert 0.002 < pstdev(rates) / mean < 0.03
    assert max(abs(rate / mean - 1) for rate in rates) < 0.1


def test_blocks_advance_with_the_clock_and_all_nodes_agree() -> None:
    one, other = _run("sim-001"), _run("sim-002")
    heights = [reading.block or 0 for reading in one]
    assert heights == sorted(heights)
    assert abs(heights[-1] - heights[0] - 299 * 10_000 / BLOCK_TIME) <= 1
    assert all(abs((a.block or 0) - (b.block or 0)) <= 1 for a, b in zip(one, other, strict=True))
    hashes = {reading.block: reading.block_hash for reading in one}
    assert all(hashes.get(reading.block, reading.block_hash) == reading.block_hash for reading in other)


def test_accepted_shares_grow_at_a_rate_and_never_shrink() -> None:
    counts = [reading.accepted or 0 for reading in _run()]
    assert counts == sorted(counts)
    assert 299 * 10 / 50 < counts[-1] < 299 * 10 / 6


def test_temperature_peers_and_power_are_those_of_a_healthy_rig() -> None:
    for reading in _run():
        assert reading.temperature is not None
        assert reading.power is not None
        assert 40 < reading.temperature < 80
        assert 12 <= (reading.peers or 0) <= 50
        assert 50 < reading.power < 350


def test_a_long_pause_and_a_clock_that_goes_back_do_not_break_it() -> None:
    clock = FakeClock()
    source = SimulatedSource(SimulatedSettings(), Context(NodeId("main", "sim-001"), clock))
    clock.move(30 * 86_400)
    checked(source.read())
    clock.set_wall(clock.now() - 3_600_000)
    checked(source.read())
    assert height_at(0) == 0
