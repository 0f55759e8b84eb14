"""`rigwatch-agent sources`: reads every source of `publisher.toml` once, and says what each gives."""

import argparse
import os
import sys

from publisher.commands.place import home_of
from publisher.description import summary_of
from publisher.inspection import look_at
from publisher.plan import plans_of
from rigwatch.clock import SystemClock
from rigwatch.settings.publisher import load_publisher


def arguments(_parser: argparse.ArgumentParser) -> None:
    """It has none."""


def run(options: argparse.Namespace) -> None:
    """Ends with 1 when a source cannot be read; raises `RigwatchError`."""
    home = home_of(options)
    plans = plans_of(load_publisher(home, os.environ), home, clock=SystemClock())
    looks = look_at((plan.node, label, source) for plan in plans for label, source in plan.sources)
    for look in looks:
        what = f"fails: {look.error}" if look.reading is None else summary_of(look.reading)
        sys.stdout.write(f"{look.node}  {look.source:<14}{what}\n")
    if any(look.reading is None for look in looks):
        sys.exit(1)
