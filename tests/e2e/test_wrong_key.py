import re
from collections.abc import Callable

import pytest

from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.e2e.proxy import door_to
from tests.e2e.rigs import kept_samples, node_toml
from tests.e2e.station import START_S, Station
from tests.waiting import eventually

NODE = NodeId("main", "rig1")
_SAMPLES = 5
"""At one a second: long enough for a publisher that tries every second to have tried again and again."""


def _foreign_key(station: Station, url: str) -> str:
    station.token(NODE.node)
    return node_toml(JoinToken(url, NODE, MasterKey.random().node_key(NODE), None).encode())


def _wrong_passphrase(station: Station, url: str) -> str:
    station.rigwatch.environment |= {
        "RIGWATCH_SECURITY__PASSPHRASE": "what this garage agreed on",
        "RIGWATCH_SECURITY__ENROLLMENT": "open",
    }
    login = f'node = "{NODE.node}"\nserver = "{url}"\npassphrase = "what another garage says"'
    return node_toml("").replace('token = ""', login)


@pytest.mark.parametrize("toml", [_foreign_key, _wrong_passphrase])
def test_a_publisher_with_a_wrong_key_is_refused_tries_slowly_and_both_sides_say_so_once(
    station: Station, *, toml: Callable[[Station, str], str]
) -> None:
    with door_to(station.plain_port) as door:
        rig = station.rig_with("rig1", toml(station, f"mqtt://127.0.0.1:{door.port}"))
        up = station.up()
        publisher = station.rigwatch.start("--debug", "publish", home=rig)
        publisher.wait_for("broker refuses this node: enroll it, or join with a new token; trying again node=main/rig1")
        eventually(
            lambda: len(kept_samples(publisher.text()).get(str(NODE), ())) >= _SAMPLES,
            timeout=START_S,
            what="the publisher goes on measuring",
        )
        assert publisher.is_running()
        assert door.knocks == 1
        assert publisher.terminate() == 0

    assert publisher.text().count("broker refuses this node") == 1
    assert len(re.findall(r"^.* broker: .*main/rig1.*$", up.text(), re.MULTILINE)) == 1, up.text()
    assert station.page().status(str(NODE)) in ("", "pending")
    assert str(NODE) not in station.samples()
