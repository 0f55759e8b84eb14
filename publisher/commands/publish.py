"""`rigwatch-agent publish`: publishes this machine's nodes until it is told to stop."""

import argparse
import os
import sys

from publisher.agent import publish
from publisher.commands.place import home_of
from rigwatch import logs, process
from rigwatch.clock import SystemClock
from rigwatch.settings.publisher import load_publisher


def arguments(parser: argparse.ArgumentParser) -> None:
    told = "join token, a file that holds it, or '-' for standard input; stored"
    parser.add_argument("--join", metavar="TOKEN", help=told)


def run(options: argparse.Namespace) -> None:
    """Raises `RigwatchError`."""
    home, clock = home_of(options), SystemClock()
    if options.join is not None:
        from publisher.joining import read_token, store_token  # noqa: PLC0415 - who only goes on looks for nothing new

        node = store_token(home, read_token(options.join), os.environ, clock)
        sys.stderr.write(f"rigwatch: joined as {node}; from now on 'rigwatch-agent publish' is enough\n")
    settings = load_publisher(home, os.environ)
    logs.to_stderr("publisher", debug=options.debug)
    process.run(lambda stop: publish(home, settings, clock=clock, stop=stop))
