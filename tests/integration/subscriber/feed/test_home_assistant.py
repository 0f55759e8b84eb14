"""The real Home Assistant on the user's own broker, told by the feed: what appears there, and what becomes of it.

`RIGWATCH_HOME_ASSISTANT` names the Python that has it, else it is where `make homeassistant` puts it. Where there is
none the test is left out, also in CI: it takes minutes to install.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from rigwatch.figures import Gpu
from rigwatch.home import Home
from rigwatch.messages import Sample
from rigwatch.registry import Registry
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.loader import Secret
from rigwatch.settings.server import FeedSettings, ServerSettings
from store import Store, nodes, open_store
from tests.fake_clock import START
from tests.integration.subscriber.running import Node, prepare, settings, subscribing
from tests.mosquitto import Mosquitto, StartMosquitto
from tests.ports import free_port
from tests.processes import ROOT, Program, start_program
from tests.rigs import goodbye, report, rig
from tests.waiting import eventually_async, promised

PYTHON = os.environ.get("RIGWATCH_HOME_ASSISTANT") or str(ROOT / ".homeassistant" / "bin" / "python")
RIG, SERVER = "rigwatch_4_main_rig1", "rigwatch_server"
ONE, MOVED = rig("rig1"), rig("rig1", "garage")
pytestmark = [
    pytest.mark.skipif(not Path(PYTHON).exists(), reason="Home Assistant is not installed: see `make homeassistant`"),
    pytest.mark.timeout(600),
]


async def shows(look: Callable[[], object], *, what: str) -> None:
    await eventually_async(look, timeout=promised(30), what=what)


@dataclass(slots=True)
class Assistant:
    folder: Path
    program: Program

    def shown(self) -> dict[str, Any]:
        try:
            read: dict[str, Any] = json.loads((self.folder / "shown.json").read_text("utf-8"))
        except FileNotFoundError:
            assert self.program.is_running(), self.program.text()
            return {"devices": {}, "entities": {}}
        return read

    def state(self, key: str, own: str = RIG) -> str | None:
        """Of one entity; None where there is none, or it is shown no more."""
        entity: dict[str, str | None] = self.shown()["entities"].get(f"{own}_{key}", {})
        return entity.get("state")

    def device(self, own: str = RIG) -> dict[str, str | None]:
        found: dict[str, str | None] = self.shown()["devices"].get(own, {})
        return found


@contextmanager
def assistant(folder: Path, port: int) -> Iterator[Assistant]:
    folder.mkdir(exist_ok=True)
    (folder / "configuration.yaml").touch()
    program = start_program(
        [PYTHON, Path(__file__).with_name("assistant.py"), folder, str(port), str(free_port())],
        folder.parent,
        name="hass",
    )
    try:
        (folder / "shown.json").unlink(missing_ok=True)
        yield Assistant(folder, program)
    finally:
        program.end()


def fed(port: int, broker: str, discovery: str) -> ServerSettings:
    feed = FeedSettings(state=True, homeassistant=True, discovery=discovery, broker=Secret(broker))  # type: ignore[arg-type]
    return replace(settings(port), feed=feed, alerts=AlertSettings(hold=timedelta(0), grace=timedelta(0)))


FORMS = ("component", "device")


def form_is_read(form: str) -> bool:
    """Before 2024.11 nothing of whole devices is."""
    asked = subprocess.run(
        [PYTHON, "-c", "from homeassistant.const import MAJOR_VERSION as a, MINOR_VERSION as b; print(a, b)"],
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    return form == "component" or tuple(map(int, asked.stdout.split())) >= (2024, 11)


def figures(at: int, *cards: str) -> Sample:
    gpus = tuple(Gpu(card, "RTX 3070", temperature=61.0, power=118.5) for card in cards)
    return Sample(n=at, at=at, hashrate=61_250_000.0, peers=12, temperature=54.6, power=240.5, gpus=gpus)


@pytest.mark.parametrize("form", FORMS)
async def test_what_home_assistant_shows_of_a_rigs_life(
    form: str, home: Home, mosquitto: Mosquitto, start_mosquitto: StartMosquitto
) -> None:
    if not form_is_read(form):
        pytest.skip("this Home Assistant is older than 2024.11")
    prepare(home, ONE)
    there, folder = start_mosquitto(), home.path / "hass"
    async with subscribing(home, fed(mosquitto.port, there.url, form)):
        with closing(open_store("sqlite:///rigwatch.db", home)) as store:
            with assistant(folder, there.port) as hass:
                await shows(lambda: hass.state("nodes_up", SERVER) == "0", what="the server appears")
                node = await it_appears(hass, mosquitto.port)
                node = await it_is_lost_and_comes_back(hass, node, mosquitto.port)
                await it_is_stopped(hass, node)
                before = hass.shown()
            with assistant(folder, there.port) as hass:
                await it_is_the_same_after_a_restart(hass, before)
                await it_is_renamed_moved_and_retired(hass, store, home, mosquitto.port)


async def test_the_other_form_keeps_every_entity(
    home: Home, mosquitto: Mosquitto, start_mosquitto: StartMosquitto
) -> None:
    if not form_is_read("device"):
        pytest.skip("this Home Assistant is older than 2024.11")
    prepare(home, ONE)
    there, seen = start_mosquitto(), {}
    with assistant(home.path / "hass", there.port) as hass:
        for number, form in enumerate((*FORMS, FORMS[0]), 1):
            async with subscribing(home, fed(mosquitto.port, there.url, form)):
                await shows(
                    lambda: hass.state("nodes", SERVER) not in {None, "unavailable"}, what="the server is there"
                )
                node = await Node.connect(ONE, mosquitto.port, session=number)
                await node.say(report(figures(START + number, "0000:01:00.0"), session=number))
                await shows(
                    lambda: hass.state("gpu_000001000_power_w") == "118.5", what="the rig and its card are there"
                )
                entities = hass.shown()["entities"]
                seen[form, number] = {key: each["entity_id"] for key, each in entities.items()}
                await node.connection.close()
            await shows(lambda: hass.state("status") == "unavailable", what="the server is gone")
    first, *others = seen.values()
    assert all(other == first for other in others)


async def it_appears(hass: Assistant, port: int) -> Node:
    node = await Node.connect(ONE, port)
    await node.say(report(figures(START, "0000:01:00.0", "0000:02:00.0")))
    await shows(lambda: hass.state("hashrate_hs") == "61250000.0", what="the rig and its figures appear")
    assert (hass.state("status"), hass.state("problem"), hass.state("incident")) == ("online", "off", "none")
    assert hass.state("gpu_000002000_power_w") == "118.5"
    assert hass.device() == {"name": "rig1", "via": SERVER, "area": "main"}
    entities = hass.shown()["entities"]
    assert entities[f"{RIG}_energy_kwh"]["attributes"]["unit_of_measurement"] == "kWh"
    assert (entities[f"{RIG}_energy_kwh"]["precision"], entities[f"{RIG}_last_seen"]["category"]) == (2, "diagnostic")
    seen = datetime.fromisoformat(hass.state("last_seen") or "")
    assert abs(datetime.now(UTC) - seen) < timedelta(minutes=1)
    assert hass.state("power_w", SERVER) == "240.5"
    return node


async def it_is_lost_and_comes_back(hass: Assistant, node: Node, port: int) -> Node:
    node.connection.abort()
    await shows(lambda: hass.state("status") == "lost", what="it is lost")
    assert (hass.state("problem"), hass.state("hashrate_hs")) == ("on", "unavailable")
    await shows(lambda: hass.state("open_incidents", SERVER) == "1", what="there is an incident")
    assert (hass.state("incident") or "").startswith("lost: ")
    event = hass.shown()["entities"][f"{RIG}_incident_event"]["attributes"]
    assert (event["event_type"], event["rule"], event["node"]) == ("opened", "lost", "rig1")
    again = await Node.connect(ONE, port, session=2)
    await again.say(report(figures(START + 1, "0000:01:00.0"), session=2))
    await shows(lambda: hass.state("incident") == "none" and hass.state("problem") == "off", what="all is well again")
    # The second card has not been there for long enough to be missed.
    await shows(lambda: hass.state("gpu_000002000_power_w") is None, what="its card goes")
    assert hass.state("gpu_000001000_power_w") == "118.5"
    return again


async def it_is_stopped(hass: Assistant, node: Node) -> None:
    await node.say(goodbye(2))
    await node.connection.close()
    await shows(lambda: hass.state("status") == "offline", what="it is stopped")
    assert (hass.state("problem"), hass.state("hashrate_hs")) == ("off", "unavailable")
    await shows(lambda: hass.state("nodes_offline", SERVER) == "1", what="the server counts it")


async def it_is_the_same_after_a_restart(hass: Assistant, before: dict[str, Any]) -> None:
    await shows(
        lambda: hass.state("status") == "offline" and hass.state("nodes", SERVER) == "1", what="it is as before"
    )
    now = hass.shown()
    assert now["devices"] == before["devices"]
    assert {key: each["entity_id"] for key, each in now["entities"].items()} == {
        key: each["entity_id"] for key, each in before["entities"].items()
    }


async def it_is_renamed_moved_and_retired(hass: Assistant, store: Store, home: Home, port: int) -> None:
    entity = hass.shown()["entities"][f"{RIG}_hashrate_hs"]["entity_id"]
    with store.write() as tx:
        nodes.rename(tx, ONE.id, "The blue one")
    await shows(lambda: hass.device().get("name") == "The blue one", what="it is renamed")
    Registry(home.nodes_json).enroll(MOVED.id, 1)
    with store.write() as tx:
        nodes.move(tx, ONE.id, MOVED.id.site, START)
    node = await Node.connect(MOVED, port, session=3)
    await node.say(report(figures(START + 2), session=3))
    await shows(lambda: hass.state("hashrate_hs") == "61250000.0", what="it is moved, and still itself")
    assert hass.shown()["entities"][f"{RIG}_hashrate_hs"]["entity_id"] == entity
    assert hass.state("nodes", SERVER) == "1"
    with store.write() as tx:
        nodes.retire(tx, MOVED.id, START)
    await shows(lambda: not any(key.startswith(RIG) for key in hass.shown()["entities"]), what="it is retired")
    assert hass.device() == {}
    await node.connection.close()
