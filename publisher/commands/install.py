"""`rigwatch-agent install`: the agent as a service of this machine, joined with a one-time code; again, it repairs."""

import argparse
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

from publisher.install import accounts
from publisher.install.layout import NAME, Layout
from publisher.install.server import JoinServer, NoReport, ServerRefused, wait_for_report
from publisher.install.services import Service, service_of
from publisher.install.tools import call
from publisher.joining import store_token
from rigwatch.clock import SystemClock
from rigwatch.errors import RigwatchError
from rigwatch.home import Home

FIRST_REPORT_S: Final = 120.0
_CODE_MAX: Final = 200
_IDENTITY: Final = re.compile(rb"^id=(\w+)", re.MULTILINE)
"""In the head of the one file: the name of the folder that it unpacks itself into."""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", required=True, metavar="URL", help="where the one-time code on standard input counts"
    )
    parser.add_argument(
        "--pin", default="-", help="public key of that server, sha256//…; '-': the system's authorities"
    )
    parser.add_argument(
        "--prefix", type=Path, default=Path("/"), help="a folder to install into, for a trial without root"
    )
    parser.add_argument(
        "--name", default="", help="what to call this machine, for a code of several [default: its name]"
    )
    parser.add_argument("--wait", type=float, default=FIRST_REPORT_S, help="seconds to wait for the first report")


def run(options: argparse.Namespace) -> None:
    """Raises `RigwatchError`; the code is spent only once everything that can be tried without it has gone well."""
    layout = Layout(options.prefix.absolute())
    server = JoinServer(options.server, options.pin, _code(), options.name)
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
    _say(f"the agent runs, kept by {service.name}; '{layout.program} uninstall' removes it")
    if joined:
        _wait(server, options.wait, service, layout)


def _code() -> str:
    return sys.stdin.readline(_CODE_MAX).strip()


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
    if server.is_group and home.publisher_toml.exists():
        _say("joined before, and that stays; 'rigwatch-agent uninstall' first makes it another node")
        return False
    try:
        token = server.token()
    except ServerRefused as exc:
        if not home.publisher_toml.exists():
            raise
        _say(f"joined before, and that stays ({exc})")
        return False
    # Of a node that has moved, what waits to be sent gets its new name: nobody may have it open.
    service.stop()
    node = store_token(home, token, {}, SystemClock())
    _give_home(layout)
    _say(f"joined as {node}")
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
    _say(f"the server has its first report, after {took:.0f} s")


def _say(text: str) -> None:
    sys.stderr.write(f"rigwatch: {text}\n")
