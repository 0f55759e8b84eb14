"""`simulate`: a fleet of believable nodes over real MQTT connections, marked as simulated."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Annotated

import typer

from cli.extras import has_server
from cli.invocation import Invocation, app, invocation
from cli.people import act_on_file
from rigwatch.address import local_broker_url
from rigwatch.errors import SettingsError
from rigwatch.master import master_key
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import parse_duration
from rigwatch.topics import NodeId


@app.command()
def simulate(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    nodes: Annotated[int, typer.Option(min=1, max=100_000, help="How many nodes.")] = 10,
    seed: Annotated[int, typer.Option(help="The same seed gives the same fleet.")] = 0,
    sites: Annotated[int, typer.Option(min=1, max=1000, help="Over how many sites.")] = 1,
    interval: Annotated[str, typer.Option(help="Time between two reports of a node.")] = "60s",
) -> None:
    """Publish simulated nodes here until Ctrl-C."""
    from publisher.simulation import Simulation, fleet
    from publisher.simulation import simulate as run_simulation
    from rigwatch.mqtt import Endpoint

    call = invocation(context)
    settings = call.server()
    master = master_key(call.home, settings)
    url = local_broker_url(settings.broker)
    simulation = Simulation(
        Endpoint.parse(url, _authority(call, settings) if url.startswith("mqtts:") else None),
        master.node_key,
        nodes=nodes,
        sites=sites,
        seed=seed,
        interval=_interval(interval),
    )
    _enroll(call, fleet(simulation))

    async def main(stop: asyncio.Event) -> None:
        await run_simulation(simulation, clock=call.clock, stop=stop)

    call.run("simulate", main)


def _enroll(call: Invocation, nodes: Sequence[NodeId]) -> None:
    registry = Registry(call.home.nodes_json)
    alone = partial(registry.enroll_all, nodes, call.clock.now())
    if not has_server():
        # A rig may simulate too, and has no packages of a database.
        alone()
        return
    from store import acts

    act_on_file(call, alone, acts.nodes.enroll_all, nodes, registry=registry)


def _authority(call: Invocation, settings: ServerSettings) -> str | None:
    from rigwatch import tls

    return tls.trusted_by_clients(call.home, settings.broker)


def _interval(text: str) -> timedelta:
    try:
        interval = parse_duration(text)
    except ValueError as exc:
        raise SettingsError(f"--interval: {exc} (got {text!r})") from None
    if not timedelta(seconds=0.1) <= interval <= timedelta(hours=24):
        raise SettingsError(f"--interval: should be from 100ms to 24h (got {text!r})")
    return interval
