"""Home Assistant 2026.11 on rigwatch's own broker, in MQTT 5: its requests replayed, see `assistant5`."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from broker.rights import Role
from broker.service import new_event_loop
from rigwatch.home import Home
from rigwatch.settings.server import FeedSettings, ServerSettings
from tests.integration.broker.peer import Login
from tests.integration.broker.running import RIG1, House, broker_running
from tests.integration.subscriber.feed.assistant5 import DISCOVERY, OTHERS, OTHERS_SIMPLE, Assistant5, client_of
from tests.integration.subscriber.running import Node, settings, subscribing
from tests.processes import Rigwatch
from tests.rigs import MASTER, report, rig, sample
from tests.waiting import eventually_async

# As in production.
LOOP = new_event_loop

SERVER = "rigwatch/v1/server/status"
STATE, AVAILABILITY = f"rigwatch/v1/{RIG1}/state", f"rigwatch/v1/{RIG1}/availability"
OF_RIG1 = "homeassistant/device/rigwatch_4_main_rig1/config"
REFUSED = 0x87


@asynccontextmanager
async def at_home(rigwatch: Rigwatch) -> AsyncIterator[tuple[House, Login]]:
    """The broker and the subscriber with its feed, and the account that docs/consumers.md says to make."""
    rigwatch.home.mkdir(mode=0o700)
    home = Home(rigwatch.home)
    MASTER.save(home.secret_key)
    home.server_toml.touch()
    made = rigwatch.run("account", "add", "hass", "--role", "consumer")
    async with broker_running(home.path) as house, subscribing(home, fed(house.port)):
        yield house, Login("hass", made.stdout.strip(), "")


def fed(port: int) -> ServerSettings:
    return replace(settings(port), feed=FeedSettings(state=True, homeassistant=True))


async def test_what_it_asks_for_is_answered_and_what_it_may_have_comes_under_its_number(
    rigwatch: Rigwatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with at_home(rigwatch) as (house, login), await house.join(house.account("boss", Role.ADMIN)) as watcher:
        await watcher.subscribe("homeassistant/status")
        await its_dialogue_finds_the_broker(house, login)
        node = await Node.connect(rig("rig1"), house.port)
        await node.say(report(sample(hashrate=1234.5)))
        hass = Assistant5(login, house.port)
        await hass.start()
        assert hass.connects == [0]
        assert {hass.granted[topic] for topic in DISCOVERY} == {0}
        assert {hass.granted[topic] for topic in (*OTHERS, *OTHERS_SIMPLE)} == {REFUSED}

        await eventually_async(lambda: OF_RIG1 in hass.devices, what="the node is announced")
        await eventually_async(lambda: len(hass.devices) == 2, what="and the server")
        await hass.read_devices()
        assert hass.granted[STATE] == hass.granted[AVAILABILITY] == 1
        await eventually_async(lambda: b"online" in hass.values(SERVER), what="what is kept comes")
        await eventually_async(lambda: b'"hashrate_hs":1234.5' in hass.values(STATE)[-1], what="with the figures")
        node.connection.abort()
        await eventually_async(lambda: hass.values(AVAILABILITY)[-1] == b"offline", what="a death is told")
        assert hass.wrongly_numbered() == []
        assert hass.ended == []

        # Gone as it goes, and back with the same id: it begins anew, and finds everything.
        await hass.stop()
        again = Assistant5(login, house.port)
        await again.start()
        await eventually_async(lambda: len(again.devices) == 2, what="all is announced to it again")
        await again.read_devices()
        await eventually_async(lambda: again.values(AVAILABILITY) == [b"offline"], what="as it is now")
        assert again.wrongly_numbered() == []
        await again.stop()
        assert await watcher.receive_all() == []
    assert caplog.text.count("will left out") == 1
    assert "login refused" not in caplog.text


async def its_dialogue_finds_the_broker(house: House, login: Login) -> None:
    """`try_connection`: the client as it is made up, without a will, until it is answered; then a goodbye."""
    codes: list[bool] = []
    client = client_of(login, "6zQUJwbGD2zvOlX8Kk7vab")
    client.on_connect = lambda _c, _u, _f, reason, _p: codes.append(not reason.is_failure)
    client.connect_async("127.0.0.1", house.port)
    client.loop_start()
    await eventually_async(lambda: codes == [True], timeout=5, what="it is let in")
    client.disconnect()
    client.loop_stop()


async def test_a_wrong_password_makes_it_ask_for_the_right_one(rigwatch: Rigwatch) -> None:
    async with at_home(rigwatch) as (house, login):
        hass = Assistant5(Login(login.user, "wrong", ""), house.port)
        hass.client.connect_async("127.0.0.1", house.port)
        hass.client.loop_start()
        # 134 is among those on which it asks its user again; on others it comes back every ten seconds.
        await eventually_async(lambda: hass.connects == [134], what="it is told why")
        hass.client.loop_stop()
