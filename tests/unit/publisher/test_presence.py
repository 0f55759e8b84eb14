"""A node that stands for another machine is there while that answers."""

from publisher.presence import DevicePresence
from publisher.sources.reading import Reading
from publisher.summary import Read

GOOD, BAD = Read(Reading(hashrate=1.0)), Read(error="no answer")


def test_it_is_not_there_before_it_was_read() -> None:
    assert not DevicePresence(["asic"]).is_here
    presence = DevicePresence(["asic"])
    presence.note("asic", GOOD)
    assert presence.is_here
    assert presence.changed.is_set()


def test_one_failed_read_is_a_miner_that_was_busy_and_two_are_a_loss() -> None:
    presence = DevicePresence(["asic"])
    told: list[bool] = []
    presence.on_change.append(lambda: told.append(presence.is_here))
    for read in (GOOD, BAD, GOOD, BAD, BAD, BAD, GOOD):
        presence.note("asic", read)
    assert told == [True, False, True]
    assert presence.why == "no answer"


def test_other_sources_of_the_node_say_nothing_of_it() -> None:
    presence = DevicePresence(["asic"])
    presence.note("host", GOOD)
    assert not presence.is_here
