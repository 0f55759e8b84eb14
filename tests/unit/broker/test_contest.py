"""When taking over so often makes two clients."""

from broker.contest import Takeovers


def test_two_clients_that_throw_each_other_out_are_known_by_their_speed() -> None:
    takeovers = Takeovers()
    found = [takeovers.note("main/rig1", silent=1.0, now=float(second)) for second in (1, 2, 4, 8, 16)]
    assert found == [False] * 4 + [True]
    assert not takeovers.note("main/rig2", silent=1.0, now=17.0)


def test_a_rig_whose_network_flaps_takes_over_connections_that_were_silent() -> None:
    takeovers = Takeovers()
    assert not any(takeovers.note("main/rig1", silent=12.0, now=second * 12.0) for second in range(1000))


def test_now_and_then_is_no_duel() -> None:
    takeovers = Takeovers()
    assert not any(takeovers.note("main/rig1", silent=1.0, now=second * 20.0) for second in range(1000))


def test_its_memory_is_bounded() -> None:
    takeovers = Takeovers()
    for number in range(20_000):
        takeovers.note(f"site/{number}", silent=0.0, now=1.0)
    assert len(takeovers._times) == 10_000
