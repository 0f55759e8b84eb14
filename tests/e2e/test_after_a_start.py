"""A server that has just started, and a node that comes back to it and dies: its time to come back is over by then."""

import time
from collections.abc import Callable

import pytest

from tests.e2e.rigs import node_toml
from tests.e2e.station import Station
from tests.waiting import eventually
from tests.webhook import webhook

pytestmark = pytest.mark.timeout(300)

NODE = "main/rig1"
# Far below the 90 s that others, who have not come back, still have then.
_SOON_S = 30.0


def test_a_node_that_came_back_after_a_start_of_the_server_and_dies_is_told_within_seconds(
    station: Station, record_property: Callable[[str, object], None]
) -> None:
    with webhook() as hook:
        channel = f"[alerts.channel.hook]\nurl = '{hook.url}'\n[alerts.no_broker]\nenabled = false\n"
        settings = station.home / "server.toml"
        settings.write_text(f"{settings.read_text('utf-8')}\n{channel}", "utf-8")
        server = station.up()
        rig = station.rig_with("rig1", node_toml(station.token("rig1")))
        publisher = station.rigwatch.start("publish", home=rig)
        station.wait_for_status(NODE, "online")
        server.terminate()
        publisher.wait_for("connection lost", timeout=30)

        server = station.up()
        publisher.wait_for(r"(?s)connection lost.*node is online", timeout=60)
        killed = time.monotonic()
        publisher.kill()
        said = "CRITICAL: main/rig1 lost: probably its publisher ended (its machine closed the connection)"
        eventually(lambda: said in hook.titles, timeout=_SOON_S, what="its death is told")
        record_property("kill to message after a start, s", round(time.monotonic() - killed, 1))
