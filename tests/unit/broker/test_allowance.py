"""What one account may send: in packets, bytes and logins, and in debt until it is paid."""

import pytest

from broker.allowance import BYTES_BURST, LOGIN_WAIT, Allowance, Allowances, packet_size_of
from broker.rights import Account, Role
from rigwatch.envelope import SealKey
from rigwatch.figures import Gpu, Miner
from rigwatch.messages import SAMPLES_MAX, Report, Sample, encode
from rigwatch.settings.server import BrokerLimits
from rigwatch.topics import NodeId, TopicLevel, topic_of

RIG1 = NodeId("main", "rig1")
NODE = Account("main/rig1", Role.NODE, RIG1)


def allowance(*, packets: float = 100, size: float = 1000, logins: float = 60) -> Allowance:
    return Allowance(packets=packets, size=size, logins=logins, now=0)


def test_a_second_of_packets_goes_at_once_and_then_at_the_rate() -> None:
    found = allowance(size=10**9)
    for _ in range(100):
        assert not found.is_spent(0)
        found.spend(1, 1)
    assert found.is_spent(0)
    assert not found.is_spent(0.01)


def test_one_large_packet_is_paid_for_before_the_next() -> None:
    found = allowance(size=1000)
    found.spend(1, int(1000 * BYTES_BURST) + 5000)
    assert found.is_spent(4.9)
    assert not found.is_spent(5.1)


def test_an_account_that_logs_in_over_and_over_waits_and_then_is_refused() -> None:
    found = allowance(logins=60)
    waits = [found.login_wait(0) for _ in range(100)]
    assert waits[:60] == [0.0] * 60
    late = [wait for wait in waits[60:] if wait is not None]
    assert late == [pytest.approx(each) for each in range(1, int(LOGIN_WAIT) + 1)]
    assert found.login_wait(60) == 0.0


def test_who_comes_anew_does_not_begin_anew() -> None:
    allowances = Allowances(BrokerLimits())
    allowances.of(NODE, 0).spend(0, 10**9)
    allowances.forget_idle(1)
    assert allowances.of(NODE, 1).is_spent(1)
    allowances.forget_idle(10**6)
    assert not allowances._by_account


def test_the_servers_own_subscriber_is_not_limited() -> None:
    found = Allowances(BrokerLimits()).of(Account("subscriber", Role.SUBSCRIBER), 0)
    found.spend(10**9, 10**12)
    assert not found.is_spent(1)
    assert found.login_wait(2) == 0.0


def full_sample(n: int, cards: int) -> Sample:
    gpus = tuple(
        Gpu(f"0000:{card:02x}:00.0", "NVIDIA GeForce RTX 3070", 60_123_456.789, 61.25, 88.5, 124.37, 71.0, 99.0)
        for card in range(cards)
    )
    return Sample(
        n=n, at=n, hashrate=481_234_567.125, accepted=123_456, rejected=123, stale=12, last_share_at=n,
        temperature=61.25, power=1012.37, fan=71.0, gpus=gpus, miner=Miner("lolMiner", "1.98"),
        pool="stratum+ssl://pool.example.org:5555", uptime=1_234_567.25,
    )  # fmt: skip


def test_a_report_of_500_samples_of_a_full_rig_fits_into_a_nodes_packet() -> None:
    samples = tuple(full_sample(1_760_000_000_000 + n, cards=8) for n in range(SAMPLES_MAX))
    topic = topic_of(RIG1, TopicLevel.REPORT)
    sealed = SealKey(bytes(32)).seal(topic, encode(Report(1_760_000_000_000, 1_760_000_000_000, samples)))
    assert len(topic) + len(sealed) < packet_size_of(NODE, BrokerLimits())


def test_who_publishes_nothing_has_nothing_large_to_say() -> None:
    limits = BrokerLimits()
    sizes = {role: packet_size_of(Account("x", role), limits) for role in Role}
    assert sizes[Role.NODE] == limits.node_packet_size
    assert sizes[Role.CONSUMER] == sizes[Role.WATCH] == 256 * 1024
    assert sizes[Role.ADMIN] == sizes[Role.SUBSCRIBER] == limits.packet_size
