from broker.admission import Admission
from broker.refusals import Refusals
from rigwatch.settings.server import BrokerLimits


def test_the_answer_to_wrong_passwords_comes_later_and_later() -> None:
    refusals = Refusals()
    assert [refusals.delay("a", 0) for _ in range(10)] == [0, 0, 0, 0.25, 0.5, 1, 2, 4, 5, 5]


def test_another_address_is_not_slowed_down() -> None:
    refusals = Refusals()
    for _ in range(10):
        refusals.delay("a", 0)
    assert refusals.is_hot("a", 1)
    assert not refusals.is_hot("b", 1)
    assert refusals.delay("b", 0) == 0


def test_a_quiet_minute_is_forgiveness() -> None:
    refusals = Refusals()
    for _ in range(10):
        refusals.delay("a", 0)
    assert not refusals.is_hot("a", 61)
    assert refusals.delay("a", 61) == 0


def test_its_memory_of_attackers_is_bounded() -> None:
    refusals = Refusals()
    for number in range(20_000):
        refusals.delay(f"address {number}", 0)
    assert len(refusals._addresses) == 10_000


def test_connections_are_limited_in_all_and_by_address() -> None:
    admission = Admission(BrokerLimits(connections=3, connections_per_address=2))
    for address in ("a", "a", "b"):
        assert admission.objection(address) is None
        admission.enter(address)
    assert admission.objection("a") == admission.objection("c") == "too many connections"
    admission.leave("b")
    assert admission.objection("a") == "too many connections from one address"
    assert admission.objection("c") is None
    admission.leave("a")
    admission.leave("a")
    assert not admission._by_address


def test_the_first_rigs_behind_one_router_are_named_and_then_no_more() -> None:
    refusals = Refusals()
    refusals.delay("a", 0)
    assert [refusals.is_named("a", f"main/rig{number}") for number in range(5)] == [True, True, True, False, False]
    assert refusals.is_named("a", "main/rig1")
    assert not refusals.is_named("b", "main/rig1")
