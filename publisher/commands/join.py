"""`rigwatch-agent join`: a code is exchanged for this machine's token, for who keeps the agent running by own means."""

import argparse
import os

from publisher.commands import code
from publisher.commands.place import home_of
from publisher.install.server import wait_for_report
from publisher.joining import store_token
from rigwatch.clock import SystemClock


def arguments(parser: argparse.ArgumentParser) -> None:
    code.arguments(parser)
    parser.add_argument("--only-wait", action="store_true", help="only wait until the server has the first report")


def run(options: argparse.Namespace) -> None:
    """A machine that has joined stays what it is, where the code is none that still counts. Raises `RigwatchError`."""
    home, server = home_of(options), code.server_of(options)
    if options.only_wait:
        took = wait_for_report(server, options.wait)
        code.say(f"the server has its first report, after {took:.0f} s")
    elif token := code.token_for(home, server):
        code.say(f"joined as {store_token(home, token, os.environ, SystemClock())}")
