"""`rigwatch-agent join`: a code is exchanged for this machine's token, for who keeps the agent running by own means."""

import argparse
import os
import sys

from publisher.commands.place import home_of
from publisher.install.server import JoinServer, ServerRefused, wait_for_report
from publisher.joining import store_token
from rigwatch.clock import SystemClock

FIRST_REPORT_S = 120.0
_CODE_MAX = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--server", required=True, metavar="URL", help="where the code on standard input counts")
    parser.add_argument(
        "--pin", default="-", help="public key of that server, sha256//…; '-': the system's authorities"
    )
    parser.add_argument(
        "--name", default="", help="with a code for several rigs: what to call this one [its host name]"
    )
    parser.add_argument("--only-wait", action="store_true", help="only wait until the server has the first report")
    parser.add_argument("--wait", type=float, default=FIRST_REPORT_S, help="seconds to wait for it")


def run(options: argparse.Namespace) -> None:
    """A machine that has joined stays what it is, where the code is none that still counts. Raises `RigwatchError`."""
    home = home_of(options)
    server = JoinServer(options.server, options.pin, sys.stdin.readline(_CODE_MAX).strip(), options.name)
    if options.only_wait:
        took = wait_for_report(server, options.wait)
        _say(f"the server has its first report, after {took:.0f} s")
        return
    if server.is_group and home.publisher_toml.exists():
        _say("joined before, and that stays")
        return
    try:
        token = server.token()
    except ServerRefused as exc:
        if not home.publisher_toml.exists():
            raise
        _say(f"joined before, and that stays ({exc})")
        return
    _say(f"joined as {store_token(home, token, os.environ, SystemClock())}")


def _say(text: str) -> None:
    sys.stderr.write(f"rigwatch: {text}\n")
