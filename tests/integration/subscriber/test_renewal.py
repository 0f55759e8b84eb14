"""Settings of the alerts that are written while the subscriber runs, and what commands say of those that are not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

import pytest

from rigwatch.clock import SystemClock
from rigwatch.home import Home
from rigwatch.layers import ServerLayers
from rigwatch.settings import load_server
from store import Store, acts, open_store, reader, running
from store.acts import Actor, Way
from store.running import Running
from subscriber.service import subscribe
from tests.integration.subscriber.running import Node, prepare
from tests.mosquitto import Mosquitto
from tests.processes import Rigwatch
from tests.rigs import rig, will
from tests.stored import asked
from tests.waiting import eventually, eventually_async
from tests.webhook import webhook

pytestmark = pytest.mark.timeout(300)

RIG = rig("rig1", "garage")
AT_ONCE = "hold = '0s'\ngroup_wait = '0s'\ngrace = '0s'\n"


def write(home: Home, port: int, alerts: str, *, url: str = "sqlite:///rigwatch.db", more: str = "") -> None:
    broker, database = f"[broker]\nport = 0\nplain_port = {port}\n", f"[database]\nurl = '{url}'\n"
    home.server_toml.write_text(f"{broker}{database}{more}[alerts]\n{AT_ONCE}{alerts}", "utf-8")


@asynccontextmanager
async def at_work(home: Home, store: Store) -> AsyncIterator[None]:
    stop = asyncio.Event()
    layers = ServerLayers(home, {})
    task = asyncio.create_task(subscribe(home, load_server(home, {}), clock=SystemClock(), stop=stop, layers=layers))
    try:
        await eventually_async(lambda: asked(store, reader.server).connected_at, what="it has a broker")
        await eventually_async(lambda: _running(store), what="it says what it runs with")
        yield
    finally:
        stop.set()
        await task


def _running(store: Store) -> Running | None:
    with store.read() as tx:
        return next(iter(running.alive(tx, 0).values()), None)


async def test_a_channel_that_is_written_while_it_runs_is_told_within_seconds(
    mosquitto: Mosquitto, home: Home, store: Store, database_url: str
) -> None:
    prepare(home, RIG)
    write(home, mosquitto.port, "", url=database_url)
    with webhook() as hook, webhook() as beats:
        async with at_work(home, store):
            node = await Node.connect(RIG, mosquitto.port)
            await eventually_async(lambda: [each.connected for each in asked(store, reader.nodes)] == [True])
            heartbeat = f"[alerts.heartbeat]\nurl = 'http://127.0.0.1:{beats.port}/beat'\nevery = '1s'\n"
            write(home, mosquitto.port, f"channels = ['{hook.url}']\n{heartbeat}", url=database_url)
            await eventually_async(lambda: (found := _running(store)) and found.channels, timeout=10)
            await node.say(will(1))
            await eventually_async(lambda: hook.titles == ["CRITICAL: garage/rig1 lost"], what="it is told")
            await eventually_async(lambda: beats.deliveries, timeout=20, what="the heartbeat beats")
            await node.connection.close()


async def test_a_channel_and_a_rule_of_the_page_count_within_seconds_and_after_a_start(
    mosquitto: Mosquitto, home: Home, store: Store, database_url: str
) -> None:
    prepare(home, RIG)
    write(home, mosquitto.port, "", url=database_url)
    layers, root, hold = ServerLayers(home, {}), Actor("root", Way.PAGE), ("alerts", "lost", "hold")
    with webhook() as hook:
        async with at_work(home, store):
            node = await Node.connect(RIG, mosquitto.port)
            await eventually_async(lambda: [each.connected for each in asked(store, reader.nodes)] == [True])
            before = _running(store)
            with store.write() as tx:
                acts.channels.add(tx, root, 1, "phone", values={"url": hook.url}, layers=layers)
                acts.settings.change(tx, root, 1, {hold: "1s"}, layers=layers)
            await eventually_async(
                lambda: (found := _running(store)) != before and found and list(found.channels) == ["phone"], timeout=10
            )
            await node.say(will(1))
            await eventually_async(lambda: hook.titles == ["CRITICAL: garage/rig1 lost"], what="it is told")
            with store.write() as tx:
                acts.channels.pause(tx, root, 2, "phone", layers=layers)
            await eventually_async(lambda: (found := _running(store)) and not found.channels, timeout=10)
            await node.connection.close()
        with store.write() as tx:
            acts.channels.resume(tx, root, 3, "phone", layers=layers)
        async with at_work(home, store):
            await eventually_async(lambda: (found := _running(store)) and list(found.channels) == ["phone"], timeout=10)


async def test_a_file_that_is_wrong_changes_nothing_and_is_named_once(
    mosquitto: Mosquitto, home: Home, local: Store, caplog: pytest.LogCaptureFixture
) -> None:
    prepare(home, RIG)
    with webhook() as hook:
        write(home, mosquitto.port, f"channels = ['{hook.url}']\n")
        async with at_work(home, local):
            home.server_toml.write_text(home.server_toml.read_text("utf-8") + "channnels = []\n", "utf-8")
            await eventually_async(lambda: (found := _running(local)) and found.problem, timeout=10)
            found = _running(local)
            assert found is not None
            assert "channnels: unknown key" in found.problem
            assert found.channels
            node = await Node.connect(RIG, mosquitto.port)
            await node.say(will(1))
            await eventually_async(lambda: hook.titles == ["CRITICAL: garage/rig1 lost"], what="it is told as before")
            write(home, mosquitto.port, f"channels = ['{hook.url}']\n")
            await eventually_async(lambda: (found := _running(local)) and not found.problem, timeout=10)
            await node.connection.close()
    assert len([each for each in caplog.records if "are not taken over" in each.getMessage()]) == 1


def test_doctor_and_test_alert_ask_the_running_subscriber(at_home: Rigwatch, mosquitto: Mosquitto) -> None:
    home = Home(at_home.home)
    with webhook() as hook:
        write(home, mosquitto.port, f"channels = ['{hook.url}']\n")
        assert "no subscriber of this home is running" in _doctor(at_home)
        subscriber = at_home.start("subscribe")
        subscriber.wait_for("drives the alerts", timeout=60)
        with closing(open_store("sqlite:///rigwatch.db", home)) as store:
            eventually(lambda: _running(store), timeout=20)
        assert "has taken over what is set" in _doctor(at_home)
        assert at_home.run("test-alert").returncode == 0

        # Written so that it can be taken over; then so that it cannot.
        write(home, mosquitto.port, f"channels = ['{hook.url}', '{hook.url}/2']\n")
        tried = at_home.run("test-alert")
        assert (tried.returncode, tried.stderr) == (0, "")
        write(home, mosquitto.port, f"channels = ['{hook.url}']\n", more="[feed]\nstate = true\n")
        assert "other settings in [feed], which count after a restart" in _doctor(at_home)
        assert at_home.run("test-alert").returncode == 0

        # A subscriber that does not see the file that this command sees.
        at_home.environment["RIGWATCH_ALERTS__CHANNELS"] = f"['{hook.url}/3']"
        said = _doctor(at_home)
        assert "failed   running" in said
        assert "has not taken this over: json-" in said
        tried = at_home.run("test-alert")
        assert tried.returncode == 1
        assert "the running subscriber has not taken this over: json-" in tried.stderr


def _doctor(rigwatch: Rigwatch) -> str:
    return rigwatch.run("doctor").stdout
