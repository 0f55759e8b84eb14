"""`push`: brings figures to the publisher of this machine, for scripts."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from cli.invocation import Invocation, app, invocation
from rigwatch.errors import RigwatchError, SettingsError
from rigwatch.settings.loader import SettingPlace, build

if TYPE_CHECKING:
    from publisher.sources.push import PushSettings

_FIGURES = (
    "hashrate",
    "algorithm",
    "accepted",
    "rejected",
    "temperature",
    "power",
    "fan",
    "uptime",
    "peers",
    "block",
    "pool",
)


@app.command()
def push(  # noqa: PLR0913 - an option for each figure
    context: typer.Context,
    *,
    node: Annotated[
        str, typer.Option(help="The node, where publisher.toml has several with a source of kind push.")
    ] = "",
    hashrate: Annotated[str, typer.Option(help="As 61.2MH; in H/s without a unit.")] = "",
    algorithm: Annotated[str, typer.Option(help="What it is of.")] = "",
    accepted: Annotated[str, typer.Option(help="Accepted shares since the start.")] = "",
    rejected: Annotated[str, typer.Option(help="Rejected shares since the start.")] = "",
    temperature: Annotated[str, typer.Option(help="In °C, or as 140F.")] = "",
    power: Annotated[str, typer.Option(help="In W, or as 1.2kW.")] = "",
    fan: Annotated[str, typer.Option(help="In %.")] = "",
    uptime: Annotated[str, typer.Option(help="In seconds, or as 90min.")] = "",
    peers: Annotated[str, typer.Option(help="Peers of a chain client.")] = "",
    block: Annotated[str, typer.Option(help="Its newest block.")] = "",
    pool: Annotated[str, typer.Option(help="host:port of the pool.")] = "",
) -> None:
    """Bring figures to this machine's publisher, which has a source of kind push.

    What is not brought again within its `stale` (3 min) is forgotten.
    """
    from publisher.sources.push import send

    told = (hashrate, algorithm, accepted, rejected, temperature, power, fan, uptime, peers, block, pool)
    figures = {name: value for name, value in zip(_FIGURES, told, strict=True) if value}
    if not figures:
        raise SettingsError("push: name a figure, such as --hashrate 61.2MH")
    settings = _settings(invocation(context), node)
    status, body = send(settings, "POST", "/push", json.dumps(figures).encode())
    if status >= 300:
        raise RigwatchError(f"push: {body.decode(errors='replace').strip() or f'refused with HTTP status {status}'}")


def _settings(call: Invocation, node: str) -> "PushSettings":
    """Of the one source of kind push that is meant."""
    from publisher.plan import plans_of
    from publisher.sources.push import PushSettings

    nodes = call.publisher().nodes
    plans = plans_of(call.publisher(), call.home, clock=call.clock)
    found = [
        (plan.node, source)
        for plan, settings in zip(plans, nodes, strict=True)
        for source in settings.sources
        if source.get("kind") == "push" and node in ("", plan.node.node, str(plan.node))
    ]
    if len(found) != 1:
        names = ", ".join(str(name) for name, _ in found)
        how = (
            f"several nodes have a source of kind push ({names}); say --node"
            if found
            else "no node has a source of kind push"
        )
        raise SettingsError(f"{call.home.publisher_toml}: {how}")
    raw = {key: value for key, value in found[0][1].items() if key != "kind"}
    return build(PushSettings, raw, SettingPlace(str(call.home.publisher_toml)))
