import re
from functools import partial

from rigwatch.keys import MasterKey
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from tests.e2e.proxy import door_to
from tests.e2e.rigs import kept_samples, node_toml
from tests.e2e.station import START_S, Station
from tests.processes import Program
from tests.waiting import eventually

ENROLLED, GUEST = NodeId("main", "rig1"), NodeId("main", "guest")
_SAMPLES = 5
"""At one a second: long enough for a publisher that tries every second to have tried again and again."""


def _foreign_key(url: str) -> str:
    token = JoinToken(url, ENROLLED, MasterKey.random().node_key(ENROLLED), None)
    return node_toml(token.encode())


def _wrong_passphrase(url: str) -> str:
    login = f'node = "{GUEST.node}"\nserver = "{url}"\npassphrase = "what another garage says"'
    return node_toml("").replace('token = ""', login)


def test_a_publisher_with_a_wrong_key_is_refused_tries_slowly_and_both_sides_say_so_once(station: Station) -> None:
    station.rigwatch.environment |= {
        "RIGWATCH_SECURITY__PASSPHRASE": "what this garage agreed on",
        "RIGWATCH_SECURITY__ENROLLMENT": "open",
    }
    station.token(ENROLLED.node)
    up = station.up()
    with door_to(station.plain_port) as door:
        url = f"mqtt://127.0.0.1:{door.port}"
        publishers = {
            ENROLLED: station.rigwatch.start("--debug", "publish", home=station.rig_with("one", _foreign_key(url))),
            GUEST: station.rigwatch.start("--debug", "publish", home=station.rig_with("two", _wrong_passphrase(url))),
        }
        for node, publisher in publishers.items():
            advice = "enroll it, or join with a new token; trying again"
            publisher.wait_for(f"broker refuses this node: {advice} node={node}", timeout=START_S)
        for node, publisher in publishers.items():
            eventually(partial(_goes_on_measuring, publisher, node), timeout=START_S)
        assert door.knocks == len(publishers)
        for publisher in publishers.values():
            assert publisher.terminate() == 0

    for node, publisher in publishers.items():
        assert publisher.text().count("broker refuses this node") == 1
        assert len(re.findall(rf"^.* broker: .*{node}.*$", up.text(), re.MULTILINE)) == 1, up.text()
        assert station.page().status(str(node)) in ("", "pending")
        assert str(node) not in station.samples()


def _goes_on_measuring(publisher: Program, node: NodeId) -> bool:
    return publisher.is_running() and len(kept_samples(publisher.text()).get(str(node), ())) >= _SAMPLES
