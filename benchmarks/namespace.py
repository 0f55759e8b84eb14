"""A machine whose power can be cut: a network namespace behind one cable. Needs root and `ip`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

NETNS = "rigwatch-bench"
HERE = "10.213.7.1"
THERE = "10.213.7.2"
INSIDE = ("ip", "netns", "exec", NETNS)
"""What a command is begun with that runs on the machine."""


def available() -> bool:
    """Whether this machine lets us make one."""
    return hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("ip") is not None


@contextmanager
def network() -> Iterator[None]:
    """The namespace and its cable, unplugged."""
    _ip("netns", "add", NETNS)
    try:
        _ip("link", "add", "rwb0", "type", "veth", "peer", "name", "rwb1", "netns", NETNS)
        _ip("addr", "add", f"{HERE}/24", "dev", "rwb0")
        _ip("link", "set", "rwb0", "up")
        yield
    finally:
        # Deleted by itself: a namespace lets go of its devices some time after it is gone.
        _ip("link", "del", "rwb0")
        _ip("netns", "del", NETNS)


def plug() -> None:
    """The machine is reached, and reaches us."""
    _ip("-n", NETNS, "link", "set", "rwb1", "up")
    _ip("-n", NETNS, "addr", "replace", f"{THERE}/24", "dev", "rwb1")


def cut() -> None:
    """From now on no packet passes and nobody is told: what its connections look like when the power is gone."""
    _ip("-n", NETNS, "link", "set", "rwb1", "down")


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)  # noqa: S607 - of the machine's PATH
