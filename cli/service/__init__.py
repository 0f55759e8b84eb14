"""`service …`: has systemd start the server with the machine, from where it is run now, with its home."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from cli import extras
from cli.invocation import Invocation, app
from cli.output import say
from cli.service.moving import give, make_account, take_along
from cli.service.place import ACCOUNT, Place, check_readable, installed, place_of
from cli.service.unit import NAME, system_unit, user_unit
from publisher.install.tools import call as run
from rigwatch.errors import RigwatchError
from rigwatch.home import Home

service = typer.Typer(no_args_is_help=True, help="The server as a systemd service.")
app.add_typer(service, name="service")

Prefix = Annotated[Path, typer.Option("--prefix", hidden=True, help="For a trial: where the system's files begin.")]
ROOT = Path("/")


@service.command()
def install(context: typer.Context, prefix: Prefix = ROOT) -> None:
    """Start rigwatch now and with the machine.

    As root: for the machine, as an account of its own, with the home moved to /var/lib/rigwatch. Else: for you alone.
    """
    call, place = _called(context), place_of(dict(os.environ), prefix)
    found = installed()
    if place.is_machine:
        # Before the home is moved, which nobody would look for there if this came to nothing.
        check_readable(found)
    home = _prepared(call, place)
    if place.is_machine:
        give(home)
        unit = system_unit(found, home.path, ACCOUNT)
    else:
        unit = user_unit(found, home.path)
    place.unit.parent.mkdir(parents=True, exist_ok=True)
    place.unit.write_text(unit)
    run([*place.systemctl, "daemon-reload"])
    run([*place.systemctl, "enable", NAME])
    run([*place.systemctl, "restart", NAME])
    say(f"unit   {place.unit}\nhome   {home.path}\nlog    {_journal(place)}")
    if place.is_machine:
        say(f"use    sudo -u {ACCOUNT} {_program()} --home {home.path} status")
    elif not _lingers():
        say("note   it stops when you log out, and starts when you log in; unless: sudo loginctl enable-linger $USER")


@service.command()
def uninstall(context: typer.Context, prefix: Prefix = ROOT) -> None:
    """Stop the service and remove its unit; the home stays."""
    call, place = _called(context), place_of(dict(os.environ), prefix)
    if not place.unit.exists():
        raise RigwatchError(f"{place.unit}: is not there, so there is nothing to remove")
    run([*place.systemctl, "disable", "--now", NAME])
    place.unit.unlink()
    run([*place.systemctl, "daemon-reload"])
    say(f"removed; everything else is as it was, in {place.home or call.home.path}")


@service.command()
def status(context: typer.Context, prefix: Prefix = ROOT) -> None:
    """Say whether the service is there and runs; exits 1 when it does not."""
    _called(context)
    place = place_of(dict(os.environ), prefix)
    if not place.unit.exists():
        raise RigwatchError(f"{place.unit}: is not there; 'rigwatch service install' makes it")
    shown = run([*place.systemctl, "show", NAME, "--property=ActiveState,SubState,ActiveEnterTimestamp,UnitFileState"])
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    state = f"{found.get('ActiveState', 'unknown')} ({found.get('SubState', '')})"
    since = found.get("ActiveEnterTimestamp")
    say(f"unit   {place.unit}\nstate  {state}{f' since {since}' if since else ''}")
    start = "with the machine" if found.get("UnitFileState") == "enabled" else "by hand"
    say(f"start  {start}\nlog    {_journal(place)}")
    raise typer.Exit(0 if found.get("ActiveState") == "active" else 1)


def _called(context: typer.Context) -> Invocation:
    """Not as other commands are: root takes somebody's home along, which it may not work in."""
    call = context.obj
    assert isinstance(call, Invocation)
    extras.check_server("service")
    return call


def _prepared(call: Invocation, place: Place) -> Home:
    """The home that the service has, set up. Its first password is told here, and not in the journal."""
    from cli.setup import prepare, shown

    if place.home is None:
        home = call.home
    else:
        home = Home(place.home)
        make_account(home.path)
        if take_along(call.home, home):
            say(f"moved  {call.home.path} to {home.path}")
            # Before root works in it: until then its former owner decides where a name in it leads.
            give(home)
    if not home.is_set_up:
        _hint_at_another(call, place)
        theirs = Invocation(home, call.debug, call.name)
        login = prepare(theirs)
        say(f"user   {login.user}\npass   {login.password}   (shown once)\npage   {login.url}")
        shown(theirs)
    return home


def _hint_at_another(call: Invocation, place: Place) -> None:
    """Whoever ran rigwatch as himself and now is root by sudo has a home that root does not look for."""
    if not place.is_machine or not (name := os.environ.get("SUDO_USER")) or sys.platform == "win32":
        return
    import pwd

    try:
        theirs = Path(pwd.getpwnam(name).pw_dir) / ".local/share/rigwatch"
    except KeyError:
        return
    if (theirs / "server.toml").exists() and theirs != call.home.path:
        raise RigwatchError(f"home {theirs}: is set up; to take it along: rigwatch --home {theirs} service install")


def _journal(place: Place) -> str:
    return f"journalctl {'' if place.is_machine else '--user '}-u {NAME}"


def _program() -> str:
    return f"{sys.executable} -P -m rigwatch"


def _lingers() -> bool:
    if sys.platform == "win32":
        return False
    try:
        return run(["loginctl", "show-user", str(os.getuid()), "--property=Linger", "--value"]).strip() == "yes"
    except RigwatchError:
        # Nobody is logged in as it, or there is no logind.
        return False
