"""`rigwatch-agent install`: the agent as a service of this machine, joined with a one-time code; again, it repairs."""

import argparse
import os
import re
import shutil
from pathlib import Path
from typing import Final

from publisher.commands import code
from publisher.install import accounts
from publisher.install.layout import NAME, Layout
from publisher.install.server import JoinServer, NoReport, wait_for_report
from publisher.install.services import Service, service_of
from publisher.install.tools import call
from publisher.joining import store_token
from rigwatch.clock import SystemClock
from rigwatch.errors import RigwatchError
from rigwatch.home import Home

_IDENTITY: Final = re.compile(rb"^id=(\w+)", re.MULTILINE)
"""In the head of the one file: the name of the folder that it unpacks itself into."""


def arguments(parser: argparse.ArgumentParser) -> None:
    code.arguments(parser)
    parser.add_argument(
        "--prefix", type=Path, default=Path("/"), help="a folder to install into, for a trial without root"
    )


def run(options: argparse.Namespace) -> None:
    """Raises `RigwatchError`; the code is spent only once everything that can be tried without it has gone well."""
    layout = Layout(options.prefix.absolute())
    server = code.server_of(options)
    if layout.is_system:
        accounts.require_root("install")
    # The folders of the system are for everybody; what is ours alone has its mode said.
    os.umask(0o022)
    service, user = service_of(layout), _user(layout)
    _place(layout)
    try:
        joined = _join(layout, server, service)
    except RigwatchError:
        # A machine that is a node already goes on as the one that it was.
        if Home(layout.home).publisher_toml.exists():
            service.start(user)
        raise
    service.start(user)
    _forget_former(layout)
    code.say(f"the agent runs, kept by {service.name}; '{layout.program} uninstall' removes it")
    if joined:
        _wait(server, options.wait, service, layout)


def _user(layout: Layout) -> str:
    """Whom the agent runs as."""
    if not layout.is_system:
        return accounts.own()
    accounts.make(layout.home)
    return NAME


def _place(layout: Layout) -> None:
    """The one file where it belongs, what it unpacks itself into, and the home."""
    file = Path(os.environ.get("RIGWATCH_AGENT_FILE", ""))
    if not file.is_file():
        raise RigwatchError("install: only the agent's one file can install itself")
    try:
        layout.program.parent.mkdir(parents=True, exist_ok=True)
        # Into place in one step: the service may be starting it, and this may be it.
        try:
            shutil.copyfile(file, layout.fresh)
            layout.fresh.chmod(0o755)
            layout.fresh.replace(layout.program)
        finally:
            layout.fresh.unlink(missing_ok=True)
        layout.unpacked.mkdir(parents=True, exist_ok=True)
        layout.unpacked.chmod(0o755)
        # By what the file itself does, once, as who may write there: the service only reads it.
        call(["env", f"RIGWATCH_AGENT_DIR={layout.unpacked}", str(layout.program), "--version"])
        layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        layout.home.chmod(0o700)
        _give_home(layout)
    except OSError as exc:
        raise RigwatchError(f"{exc.filename or layout.prefix}: cannot be written ({exc.strerror or exc})") from exc


def _forget_former(layout: Layout) -> None:
    """What versions before this one were unpacked into."""
    with layout.program.open("rb") as file:
        found = _IDENTITY.search(file.read(4096))
    for each in layout.unpacked.iterdir():
        if found is not None and each.is_dir() and each.name != found[1].decode():
            shutil.rmtree(each, ignore_errors=True)


def _join(layout: Layout, server: JoinServer, service: Service) -> bool:
    """Whether the machine joined now; False where it had joined before and the code is none that still counts."""
    home = Home(layout.home)
    token = code.token_for(home, server, advice="; 'rigwatch-agent uninstall' first makes it another node")
    if token is None:
        return False
    # Of a node that has moved, what waits to be sent gets its new name: nobody may have it open.
    service.stop()
    node = store_token(home, token, {}, SystemClock())
    _give_home(layout)
    code.say(f"joined as {node}")
    return True


def _give_home(layout: Layout) -> None:
    """What root has written in the home belongs to the service. Nothing else there is touched: it is the service's."""
    if layout.is_system:
        settings = Home(layout.home).publisher_toml
        accounts.give((layout.home, settings) if settings.exists() else (layout.home,))


def _wait(server: JoinServer, seconds: float, service: Service, layout: Layout) -> None:
    """Until the server has stored the first report; raises `RigwatchError` when none comes."""
    try:
        took = wait_for_report(server, seconds)
    except NoReport as exc:
        logs = f"journalctl -u {NAME}" if service.name == "systemd" else str(layout.log)
        raise RigwatchError(f"{exc}; the agent goes on trying, see {logs}") from None
    code.say(f"the server has its first report, after {took:.0f} s")
