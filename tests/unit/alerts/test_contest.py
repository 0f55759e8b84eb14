"""Two publishers of one node, told apart from every way in which one may come and go."""

from alerts.contest import Contest, Contests
from rigwatch.messages import NodeState, Status
from rigwatch.takeover import Takeover
from rigwatch.topics import NodeId
from tests.fake_clock import START

RIG = NodeId("main", "rig1")
HOME, CABIN = ("192.0.2.7", 40001), ("198.51.100.9", 40002)


class Door:
    """Births of one node, a second apart."""

    def __init__(self) -> None:
        self.contests = Contests()
        self.now = START

    def birth(self, instance: str, *, host: str = "rig", session: int = 0) -> Contest | None:
        self.now += 1000
        status = Status(NodeState.ONLINE, session or self.now, host=host, instance=instance)
        return self.contests.birth(RIG, status, self.now)

    def takeover(self, old: tuple[str, int] = HOME, new: tuple[str, int] = CABIN, *, contested: bool = False) -> None:
        self.contests.tell(RIG, Takeover(self.now, old, new, contested))


def test_two_machines_that_take_turns_are_two_publishers() -> None:
    door = Door()
    assert [bool(door.birth(each)) for each in "abab"] == [False, False, True, True]


def test_both_addresses_are_named_and_each_is_told_the_others() -> None:
    door = Door()
    door.birth("a")
    door.takeover()
    door.birth("b")
    door.takeover(CABIN, HOME)
    assert door.birth("a") == Contest(
        "two publishers use its key, from 198.51.100.9 and 192.0.2.7; each machine needs a node of its own",
        "198.51.100.9",
    )


def test_two_on_one_host_or_behind_one_router_are_told_apart_by_their_ports() -> None:
    door = Door()
    door.birth("a")
    door.birth("b")
    door.takeover(("192.0.2.7", 5), ("192.0.2.7", 6))
    found = door.birth("a")
    assert found is not None
    assert "from 192.0.2.7 port 5 and 192.0.2.7 port 6" in found.evidence
    assert found.rival == "192.0.2.7 port 5"


def test_where_the_broker_tells_nothing_the_births_alone_say_it() -> None:
    door = Door()
    door.birth("a", host="attic")
    door.birth("b", host="cellar")
    assert door.birth("a", host="attic") == Contest(
        "two publishers use its key (hosts attic and cellar); each machine needs a node of its own"
    )


def test_three_machines_are_known_as_well() -> None:
    door = Door()
    assert [bool(door.birth(each)) for each in "abcabc"] == [False] * 3 + [True] * 3


def test_a_network_that_flaps_is_one_publisher_whatever_its_addresses() -> None:
    door = Door()
    for number in range(200):
        here, there = ("192.0.2.7", number), ("2001:db8::7" if number % 2 else "192.0.2.8", number)
        door.takeover(here, there, contested=number % 3 == 0)
        assert door.birth("a") is None


def test_a_publisher_that_is_started_over_and_over_is_one() -> None:
    door = Door()
    for number in range(200):
        door.takeover()
        assert door.birth(f"start {number}") is None


def test_a_birth_that_the_broker_kept_or_somebody_repeats_is_no_second_publisher() -> None:
    door = Door()
    door.birth("a", session=START + 1)
    door.birth("b", session=START + 2)
    assert door.birth("b", session=START + 2) is None
    assert door.birth("a", session=START + 1) is None
    assert door.birth("b", session=START + 3) is None


def test_publishers_that_tell_of_no_instance_are_known_by_the_broker() -> None:
    door = Door()
    door.takeover()
    assert door.birth("") is None
    door.takeover(contested=True)
    found = door.birth("")
    assert found is not None
    assert "from 192.0.2.7 and 198.51.100.9" in found.evidence
    door.now += 3_600_000
    assert door.birth("") is None


def test_wills_and_goodbyes_say_nothing_of_it() -> None:
    door = Door()
    door.birth("a")
    door.birth("b")
    for state in (NodeState.LOST, NodeState.OFFLINE):
        assert door.contests.birth(RIG, Status(state, door.now + 5000, instance="a"), door.now) is None
    assert door.birth("b") is None


def test_its_memory_of_a_node_is_bounded() -> None:
    door = Door()
    for number in range(1000):
        door.birth(f"start {number}", host=f"host {number}")
    record = door.contests._records[RIG]
    assert len(record.instances) == len(record.hosts) == 8


def test_a_birth_that_the_broker_repeats_is_no_second_one() -> None:
    door = Door()
    door.birth("a", session=5)
    door.birth("b", session=6)
    assert door.birth("a", session=6) is None
    assert door.birth("a", session=7) is not None
    assert Door().birth("a", session=1) is None
    first = Door()
    first.birth("a", session=1)
    first.birth("b", session=2)
    assert first.birth("a", session=3) is not None


def test_an_address_speaks_of_the_present_for_ten_minutes() -> None:
    for age, known in ((0, True), (599_999, True), (600_000, False), (-1, False)):
        door = Door()
        door.birth("a")
        door.birth("b")
        door.contests.tell(RIG, Takeover(door.now + 1000 - age, HOME, CABIN))
        found = door.birth("a")
        assert found is not None
        assert found.rival == ("192.0.2.7" if known else ""), age


def test_the_eight_last_publishers_are_remembered_and_each_once() -> None:
    door = Door()
    door.birth("a")
    for _ in range(6):
        door.birth("b")
        door.birth("c")
    for each in "defgh":
        assert door.birth(each) is None
    assert door.birth("a") is not None
    for each in "ijklmnop":
        door.birth(each)
    assert door.birth("a") is None
