"""Programs of others, in processes of their own: run to their end, or talked with line by line."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.processes import ROOT
from tests.requirements import missing

PATIENCE = 20
_MQTT_JS = ROOT / "tests" / "npm" / "node_modules" / "mqtt"
_AIOMQTT = ROOT / "tests" / "programs" / "aiomqtt"


def mqtt_js() -> Path:
    if not _MQTT_JS.exists():
        missing("mqtt.js has not been fetched: `make test` does that")
    return _MQTT_JS


def aiomqtt() -> Path:
    """Where to import it from, together with the older `mqtt5` that it wants."""
    if not _AIOMQTT.exists():
        missing("aiomqtt has not been fetched: `make test` does that")
    return _AIOMQTT


async def run(*command: str | Path) -> str:
    """What a program says; it has to end well."""
    async with talking(*command) as program:
        return await program.rest()


class Talker:
    """A program of which each line of its output is waited for."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def line(self) -> str:
        assert self._process.stdout is not None
        said = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        assert said, await self.rest()
        return said.decode().rstrip("\n")

    async def json(self) -> Any:  # noqa: ANN401 - whatever it says
        said = await self.line()
        try:
            return json.loads(said)
        except ValueError:
            raise AssertionError(f"{said}\n{await self.rest()}") from None

    async def rest(self) -> str:
        """Until its end, which has to be a good one."""
        try:
            said, _ = await asyncio.wait_for(self._process.communicate(), PATIENCE)
        except TimeoutError:
            self._process.kill()
            said, _ = await self._process.communicate()
        assert self._process.returncode == 0, said.decode()
        return said.decode()


@asynccontextmanager
async def talking(*command: str | Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Talker]:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, **(environment or {})},
    )  # fmt: skip
    try:
        yield Talker(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
