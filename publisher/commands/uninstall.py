"""`rigwatch-agent uninstall`: stops the agent, which says goodbye, and takes away all that `install` brought."""

import argparse
import shutil
import sys
from pathlib import Path

from publisher.install import accounts
from publisher.install.layout import Layout
from publisher.install.services import services
from rigwatch.errors import RigwatchError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--prefix", type=Path, default=Path("/"), help="the folder that it was installed into")


def run(options: argparse.Namespace) -> None:
    """Raises `RigwatchError`; what was not there is not missed."""
    layout = Layout(options.prefix.absolute())
    if layout.is_system:
        accounts.require_root("uninstall")
    for service in services(layout):
        service.remove()
    try:
        for folder in (layout.home, layout.unpacked):
            if folder.exists():
                shutil.rmtree(folder)
        for file in (layout.fresh, layout.program):
            file.unlink(missing_ok=True)
    except OSError as exc:
        raise RigwatchError(f"{exc.filename}: cannot be removed ({exc.strerror or exc})") from exc
    if layout.is_system:
        accounts.forget(layout.home)
    sys.stderr.write("rigwatch: the agent is gone; on the server, 'rigwatch revoke' ends its key\n")
