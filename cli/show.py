"""`status`: the dashboard's three tables in the terminal."""

import sys
from typing import TYPE_CHECKING

import typer

from cli.invocation import app, invocation
from rigwatch.clock import in_millis

if TYPE_CHECKING:
    from rich.table import Table
    from rich.text import Text

    from alerts.facts import Average, MinuteTotal
    from rigwatch.topics import NodeId
    from web.node_view import FleetView, NodeView
    from web.zone import Zone

MINUTES = 10
PIPE_WIDTH = 160
_STYLES = {"online": "green", "degraded": "yellow", "silent": "dark_orange", "lost": "red", "pending": "dim"}


@app.command()
def status(context: typer.Context) -> None:
    """Show the three tables in the terminal.

    Ends with 1 when no subscriber is at work, so that a script does not take old figures for new ones.
    """
    from rich.console import Console
    from rich.text import Text

    from alerts.silence import at_work
    from store import reader, silences
    from web.node_view import fleet_at
    from web.zone import Zone

    call = invocation(context)
    with call.store() as store:
        settings, now = call.layered(store).settings, call.clock.now()
        with store.read() as tx:
            is_maintained = at_work(silences.running(tx, now), now, Zone.find(settings.web.timezone).tz)
            fleet = fleet_at(reader.nodes(tx), reader.server(tx), now, is_maintained=is_maintained)
            averages = reader.averages(tx, now - in_millis(settings.database.keep))
            totals = reader.totals(tx, MINUTES, now)
    # Into a file or a pipe there is no screen to fit.
    console, zone = Console(width=None if sys.stdout.isatty() else PIPE_WIDTH), Zone.find(settings.web.timezone)
    if fleet.broker_down:
        console.print(Text("The subscriber has no broker or is not running: figures are old.", style="red"))
    if fleet.views:
        console.print(_latest(fleet, averages, zone))
        if fleet.rates.mixed:
            console.print(_now(fleet))
        console.print(_totals(totals, zone, mixed=fleet.rates.mixed))
    else:
        console.print("No node yet. 'rigwatch enroll NAME' prints the token for one.", highlight=False)
    if fleet.broker_down:
        raise typer.Exit(1)


def _latest(fleet: "FleetView", averages: "dict[NodeId, Average]", zone: "Zone") -> "Table":
    from rich.markup import escape
    from rich.text import Text

    from web import units

    table = _table(f"Nodes at {zone.full(fleet.now)} {zone.name}", "Node", "Status")
    for column in ("Hashrate", "Average", "Peers", "Block", "Lag", "Last report"):
        table.add_column(column, justify="right", no_wrap=True)
    for each in fleet.views:
        average = averages.get(each.facts.id)
        table.add_row(
            escape(str(each.facts.id)),
            Text(each.status.value, style=_STYLES.get(each.status.value, "")),
            *_figures(each, average.hashrate_mean if average else None),
            units.age(each.age_at(fleet.now)),
        )
    return table


def _figures(each: "NodeView", mean: float | None) -> tuple[str, ...]:
    from web import units

    sample = each.facts.sample
    return (
        str(units.hashrate(sample.hashrate if sample else None)),
        str(units.hashrate(mean)),
        units.count(sample.peers if sample else None),
        units.count(sample.block if sample else None),
        units.count(each.lag),
    )


def _now(fleet: "FleetView") -> "Text":
    from rich.text import Text

    from alerts.totals import said
    from web import units

    return Text(f"Hashrate now: {said(fleet.rates, lambda rate: str(units.hashrate(rate)))}\n")


def _totals(totals: "list[MinuteTotal]", zone: "Zone", *, mixed: bool) -> "Table":
    from web import units

    title = "Totals per minute, all algorithms added up" if mixed else "Totals per minute"
    table = _table(title, "Minute")
    if mixed:
        # The title would be broken to the width of the columns.
        table.min_width = len(title)
    for column in ("Hashrate", "Nodes"):
        table.add_column(column, justify="right", no_wrap=True)
    for total in totals:
        table.add_row(zone.minute(total.minute), str(units.hashrate(total.hashrate)), units.count(total.nodes))
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
