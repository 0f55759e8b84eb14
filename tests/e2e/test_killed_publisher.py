import time
from collections.abc import Callable
from pathlib import Path

from tests.e2e.rigs import kept_samples, node_toml
from tests.e2e.station import START_S, Station
from tests.processes import Program
from tests.waiting import eventually

NODE = "main/rig1"


def _publish(station: Station, home: Path) -> Program:
    return station.rigwatch.start("--debug", "publish", home=home)


def _kept(publisher: Program) -> set[int]:
    return kept_samples(publisher.text()).get(NODE, set())


def test_the_page_says_lost_within_a_second_of_a_kill_and_online_after_a_new_start(
    station: Station, record_property: Callable[[str, object], None]
) -> None:
    station.up()
    rig = station.rig_with("rig1", node_toml(station.token("rig1")))
    publisher = _publish(station, rig)
    station.wait_for_status(NODE, "online")

    killed = time.monotonic()
    publisher.kill()
    station.wait_for_status(NODE, "lost", timeout=1.0)
    record_property("kill to lost on the page, ms", round((time.monotonic() - killed) * 1000))

    _publish(station, rig)
    station.wait_for_status(NODE, "online")


def test_what_the_outbox_held_when_its_publisher_was_killed_is_stored_by_the_next_one(station: Station) -> None:
    rig = station.rig_with("rig1", node_toml(station.token("rig1")))
    # There is no broker yet, so whatever this publisher keeps is in its outbox alone.
    publisher = _publish(station, rig)
    eventually(lambda: len(_kept(publisher)) >= 3, timeout=START_S, what="the outbox holds samples")
    publisher.kill()
    held = _kept(publisher)

    station.up()
    assert NODE not in station.samples()
    _publish(station, rig)
    station.wait_for_status(NODE, "online")
    eventually(
        lambda: held <= station.samples().get(NODE, set()), timeout=START_S, what=f"the samples {held} are stored"
    )
