"""The user's broker while rigwatch's own processes are killed and start again, in any order."""

from collections.abc import Callable

from rigwatch.home import Home
from rigwatch.registry import Registry
from tests.integration.subscriber.feed.reader import Reader, reading
from tests.integration.subscriber.running import Node
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.processes import Program, Rigwatch
from tests.rigs import MASTER, rig
from tests.waiting import eventually_async

STATUS, AVAILABILITY = "rigwatch/v1/server/status", "rigwatch/v1/main/rig1/availability"


def subscriber(rigwatch: Rigwatch, rigs: Mosquitto, users: Mosquitto) -> Callable[[], Program]:
    """Starts one, on a broker of the rigs and with a feed to the user's."""
    rigwatch.home.mkdir(mode=0o700)
    home = Home(rigwatch.home)
    MASTER.save(home.secret_key)
    Registry(home.nodes_json).enroll(rig("rig1").id, 1)
    home.server_toml.write_text(
        f"[broker]\nmode='external'\nurl='{rigs.url}'\n[feed]\nstate=true\nbroker='{users.url}'\n"
        "[alerts]\nhold='0s'\ngrace='0s'\n"
    )
    return lambda: rigwatch.start("subscribe")


async def says(reader: Reader, topic: str, payload: bytes) -> None:
    await eventually_async(lambda: reader.tree.get(topic) == payload, timeout=40, what=f"{topic} is {payload!r}")


async def test_who_dies_is_offline_there_whoever_dies_and_comes_back_first(
    rigwatch: Rigwatch, start_mosquitto: StartMosquitto
) -> None:
    rigs, users = start_mosquitto(), start_mosquitto()
    start = subscriber(rigwatch, rigs, users)
    async with reading(users.port) as reader:
        first = start()
        await says(reader, STATUS, b"online")
        node = await Node.connect(rig("rig1"), rigs.port)
        await says(reader, AVAILABILITY, b"online")
        # The subscriber dies first: nobody knows, and that is said.
        first.kill()
        await says(reader, STATUS, b"offline")
        # Meanwhile the node does; who starts again finds out.
        node.connection.abort()
        start()
        await says(reader, AVAILABILITY, b"offline")
        await says(reader, STATUS, b"online")
        assert reader.state()["status"] == "lost"
        # The rigs' broker dies: nothing is known of anybody. It comes back, and the node with it.
        rigs.kill()
        await says(reader, STATUS, b"offline")
        again = start_mosquitto(port=rigs.port)
        await Node.connect(rig("rig1"), again.port, session=2)
        await says(reader, STATUS, b"online")
        await says(reader, AVAILABILITY, b"online")
