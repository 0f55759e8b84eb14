"""Home Assistant without its pages: connects to a broker by its own dialogue, and writes what it shows into a file.

Run by the Python that has Home Assistant, and by nothing else: `PYTHON assistant.py FOLDER MQTT_PORT HTTP_PORT`.
"""

import asyncio
import contextlib
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any

from homeassistant import auth, bootstrap, config_entries, core, loader
from homeassistant.helpers import area_registry, device_registry, entity_registry
from homeassistant.setup import async_setup_component

_LOOK_S = 0.1


async def main(folder: Path, port: int, http_port: int) -> None:
    hass = core.HomeAssistant(str(folder))
    hass.config.skip_pip = True
    loader.async_setup(hass)
    hass.config_entries = config_entries.ConfigEntries(hass, {})
    await bootstrap.async_load_base_functionality(hass)
    hass.auth = await auth.auth_manager_from_config(hass, [], [])
    await async_setup_component(hass, "http", {"http": {"server_host": "127.0.0.1", "server_port": http_port}})
    known = hass.config_entries.async_entries("mqtt")
    if known:
        await async_setup_component(hass, "mqtt", {})
    await hass.async_start()
    if not known:
        flow = await hass.config_entries.flow.async_init("mqtt", context={"source": "user"})
        said = {"broker": "127.0.0.1", "port": port}
        result = await hass.config_entries.flow.async_configure(flow["flow_id"], said)
        assert result["type"] == "create_entry", result
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    while not stop.is_set():
        write(folder, shown(hass))
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _LOOK_S)
    # In order, so that it knows everything again.
    await hass.async_stop()


def write(folder: Path, what: dict[str, Any]) -> None:
    fresh = folder / "shown.new"
    fresh.write_text(json.dumps(what), "utf-8")
    fresh.replace(folder / "shown.json")


def shown(hass: core.HomeAssistant) -> dict[str, Any]:
    devices, areas = device_registry.async_get(hass), area_registry.async_get(hass)
    known = {}
    for device in devices.devices.values():
        above = devices.async_get(device.via_device_id) if device.via_device_id else None
        area = areas.async_get_area(device.area_id) if device.area_id else None
        known[_name(device)] = {"name": device.name, "via": above and _name(above), "area": area and area.name}
    entities = {}
    for entry in entity_registry.async_get(hass).entities.values():
        state = hass.states.get(entry.entity_id)
        entities[entry.unique_id] = {
            "entity_id": entry.entity_id,
            "category": entry.entity_category,
            "precision": entry.options.get("sensor", {}).get("suggested_display_precision"),
            "state": state and state.state,
            "attributes": {key: str(value) for key, value in state.attributes.items()} if state else {},
        }
    return {"devices": known, "entities": entities}


def _name(device: device_registry.DeviceEntry) -> str:
    return str(next(iter(device.identifiers))[1])


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
