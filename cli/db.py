"""`db …`: look after the database while rigwatch is running or not."""

from pathlib import Path
from typing import Annotated

import typer

from cli import whole
from cli.invocation import app, invocation
from cli.output import say
from rigwatch.errors import RigwatchError

db = typer.Typer(no_args_is_help=True, help="The database: check, tidy, copy, upgrade.")
app.add_typer(db, name="db")


@db.command()
def check(context: typer.Context) -> None:
    """Read the whole database and say whether it is sound, and what the home lacks.

    Exits 0 when all is well, else 1.
    """
    from store import upkeep

    call = invocation(context)
    settings = call.server()
    health = upkeep.check(settings.database.url, call.home)
    say(f"database  {health.where}, {_megabytes(health.size)}")
    say(f"schema    {health.standing.version}")
    for table, count in health.counts.items():
        say(f"{table + 's':<9} {count}")
    for fault in health.faults:
        say(f"damaged   {fault}")
    if health.faults:
        raise RigwatchError(f"database {health.where}: is damaged; stop rigwatch and restore it from your backup")
    if health.standing.missing:
        missing = ", ".join(health.standing.missing)
        raise RigwatchError(f"database {health.where}: lacks {missing}; 'rigwatch db upgrade' brings it up to date")
    lacks = whole.missing(call.home, settings, enrolled=health.enrolled)
    for each in lacks:
        say(f"missing   {each}")
    if lacks:
        raise RigwatchError(f"home {call.home.path}: is not whole; restore what is missing before rigwatch is started")
    say("sound")


@db.command()
def vacuum(context: typer.Context) -> None:
    """Give back the room that forgotten samples took.

    With SQLite nothing is stored meanwhile; rigs keep their samples and send them after it.
    """
    from store import upkeep

    call = invocation(context)
    before, after = upkeep.vacuum(call.server().database.url, call.home)
    say(f"{_megabytes(before)} before, {_megabytes(after)} now")


@db.command()
def backup(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="The file to make; one that is there is left alone.")],
) -> None:
    """Copy the SQLite database to a file, also while rigwatch is running.

    Keys, settings and certificates are not in it: docs/operations.md says how to save the whole home.
    """
    from store import upkeep

    call = invocation(context)
    size = upkeep.backup(call.server().database.url, call.home, path)
    say(f"{path}: {_megabytes(size)}")


@db.command()
def upgrade(
    context: typer.Context,
    without_copy: Annotated[
        bool, typer.Option("--without-copy", help="Do not copy an SQLite database first, where there is no room.")
    ] = False,
) -> None:
    """Bring the database to this version's schema.

    Every part does so when it starts. 'rigwatch upgrade-check' says beforehand what will be done.
    """
    from store import earlier, upkeep
    from store.engine import sqlite_path

    call = invocation(context)
    url = call.server().database.url
    before, after = upkeep.upgrade(url, call.home, copy=not without_copy)
    if before == after:
        say(f"is up to date ({after.version})")
    else:
        say(f"from {before.version} to {after.version}")
        if url.startswith("sqlite:") and before.applied and not without_copy:
            database = sqlite_path(url, call.home)
            say(earlier.how_back(database, earlier.copy_of(call.home.backups, before.version)))


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
