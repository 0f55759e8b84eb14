"""`backup` and `restore`: the whole server as one file, and back, here or on another machine."""

import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from cli import whole
from cli.backup import last, making, restoring
from cli.backup.about import About
from cli.invocation import Invocation, app, invocation
from cli.output import say
from cli.people import act
from rigwatch.address import broker_url
from rigwatch.clock import Millis, as_datetime, as_interval
from rigwatch.errors import SettingsError
from rigwatch.keys import PASSPHRASE_MIN
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import format_duration

PassphraseFile = Annotated[
    Path | None, typer.Option("--passphrase-file", help="A file that holds the passphrase, or '-' for standard input.")
]


@app.command()
def backup(
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="The file to make, or a folder to make one in.")],
    encrypt: Annotated[bool, typer.Option("--encrypt", help="Ask for a passphrase and encrypt.")] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Save the whole server in one file, also while rigwatch is running.

    Database, settings, keys, certificates, accounts, nodes: 'rigwatch restore' makes a server of it, here or elsewhere.
    """
    call = invocation(context)
    settings, now = call.server(), call.clock.now()
    passphrase = _new_passphrase(encrypt, passphrase_file)
    target = path / f"rigwatch-{as_datetime(now):%Y-%m-%d-%H%M%S}.backup" if path.is_dir() else path
    made = making.make(call.home, settings, target, passphrase=passphrase, environ=os.environ, now=now)
    last.note(call.home, now)
    size = f"{target.stat().st_size / 1e6:.1f} MB"
    say(f"{target}: {size}, {_nodes(made)}, {'encrypted' if passphrase else 'not encrypted: it holds every key'}")
    for each in made.outside:
        say(f"not in it  {each}", err=True)


@app.command()
def restore(  # noqa: PLR0917 - Typer passes by name
    context: typer.Context,
    path: Annotated[Path, typer.Argument(metavar="FILE", help="What 'rigwatch backup' made.")],
    database: Annotated[
        str, typer.Option(metavar="URL", help="The database to restore into [default: the one that its settings name].")
    ] = "",
    advertise: Annotated[
        str, typer.Option(metavar="ADDRESS", help="The name or address by which rigs reach this machine from now on.")
    ] = "",
    force: Annotated[bool, typer.Option("--force", help="Put aside what the home has, instead of refusing.")] = False,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make a server of a backup, in an empty home.

    Says what the copy lacks, and whether rigs find this machine.
    """
    call = invocation(context)
    now, wanted = call.clock.now(), restoring.Wanted(database, advertise, force)
    done = restoring.restore(
        call.home, path, wanted, passphrase=_known_passphrase(passphrase_file), environ=os.environ, now=now
    )
    from store import acts

    newest = act(call, "", acts.server.restored, made_at=done.about.made_at, host=done.about.host)
    for line in _told(call, done, newest, now):
        say(line)


def _told(call: Invocation, done: restoring.Restored, newest: Millis | None, now: Millis) -> list[str]:
    told, age = done.about, _age(done.about.made_at, now)
    lines = [
        f"restored   the backup of {_time(told.made_at)}, made by rigwatch {told.version} on {told.host}, {age} old"
    ]
    if done.aside is not None:
        lines.append(f"aside      what was here before is in {done.aside}")
    last = f"the last report in it is of {_time(newest)}" if newest else "no report is in it"
    again = f"'{call.command} enroll NODE' or '… rotate NODE'"
    lines += [
        f"nodes      {_nodes(told)}; {last}",
        f"gone       what was stored in the {age} since: samples that rigs sent, incidents, what people did",
        f"           a node enrolled or rotated since is refused until {again} is run: its key is the same",
        f"           a key revoked since works again until '{call.command} revoke NODE' is run",
    ]
    lines += _address_lines(told, done.settings)
    lines += [f"not in it  {each}" for each in told.outside]
    lines += [f"missing    {each}" for each in whole.missing(call.home, done.settings, enrolled=told.enrolled)]
    return [*lines, f"next       {call.command} up"]


def _address_lines(told: About, settings: ServerSettings) -> list[str]:
    address = broker_url(settings.broker)
    if address == told.address:
        return [f"address    rigs connect to {address}, as before"]
    return [
        f"address    rigs connected to {told.address}, and this machine is {address}",
        "           rigs that 'rigwatch move' told of it come by themselves; others once the old name leads here,",
        "           or with a new token ('rigwatch enroll NODE')",
    ]


def _nodes(told: About) -> str:
    return f"{told.enrolled} node{'' if told.enrolled == 1 else 's'} enrolled"


def _age(made_at: Millis, now: Millis) -> str:
    age = max(as_interval(now - made_at), timedelta(0))
    return format_duration(timedelta(minutes=age // timedelta(minutes=1))) if age >= timedelta(minutes=1) else "1m"


def _time(moment: Millis) -> str:
    return f"{as_datetime(moment):%Y-%m-%d %H:%M} UTC"


def _new_passphrase(encrypt: bool, file: Path | None) -> str:  # noqa: FBT001 - as the option is
    if file is None and not encrypt:
        return ""
    passphrase = (
        _read(file) if file else typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True, err=True)
    )
    if len(passphrase) < PASSPHRASE_MIN:
        raise SettingsError(f"passphrase: has {len(passphrase)} characters; at least {PASSPHRASE_MIN} are needed")
    return passphrase


def _known_passphrase(file: Path | None) -> Callable[[], str]:
    def ask() -> str:
        if file is not None:
            return _read(file)
        if not sys.stdin.isatty():
            raise SettingsError("is encrypted; name its passphrase with --passphrase-file")
        return str(typer.prompt("Passphrase", hide_input=True, err=True))

    return ask


def _read(file: Path) -> str:
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"--passphrase-file: {file} cannot be read ({exc})") from exc
    return text.strip("\r\n")
