"""What the commands that come with a one-time code share: their options, and the exchange for this machine's token."""

import argparse
import sys
from typing import Final

from publisher.install.server import JoinServer, ServerRefused
from rigwatch.home import Home

_FIRST_REPORT_S: Final = 120.0
_CODE_MAX: Final = 200


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--server", required=True, metavar="URL", help="where the one-time code on standard input counts"
    )
    parser.add_argument(
        "--pin", default="-", help="public key of that server, sha256//…; '-': the system's authorities"
    )
    parser.add_argument(
        "--name", default="", help="what to call this machine, for a code of several [default: its name]"
    )
    parser.add_argument("--wait", type=float, default=_FIRST_REPORT_S, help="seconds to wait for the first report")


def server_of(options: argparse.Namespace) -> JoinServer:
    """The one that the options name, with the code from standard input."""
    return JoinServer(options.server, options.pin, sys.stdin.readline(_CODE_MAX).strip(), options.name)


def token_for(home: Home, server: JoinServer, *, advice: str = "") -> str | None:
    """The token, a secret, for which the code is spent. None, and said, where the machine has joined before and the
    code is none that still counts: it stays what it is.

    Raises `RigwatchError`; where the home takes no token, the code is not spent.
    """
    has_joined = home.publisher_toml.exists()
    if has_joined and server.is_group:
        say(f"joined before, and that stays{advice}")
        return None
    home.prepare()
    try:
        return server.token()
    except ServerRefused as exc:
        if not has_joined:
            raise
        say(f"joined before, and that stays ({exc})")
        return None


def say(text: str) -> None:
    """A line for who runs the command."""
    sys.stderr.write(f"rigwatch: {text}\n")
