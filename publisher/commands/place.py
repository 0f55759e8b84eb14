"""Where a command of the agent works: the home, looked at before anything is done in it."""

import argparse
import os
import sys

from rigwatch.home import Home


def home_of(options: argparse.Namespace) -> Home:
    """The home that the options or the environment name; raises `RigwatchError` for one that is not to be used."""
    home = Home.find(options.home, os.environ)
    home.check_owner()
    home.check_access()
    if mended := home.close_to_others():
        sys.stderr.write(f"rigwatch: {mended}\n")
    return home
