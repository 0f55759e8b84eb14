"""Network namespaces that stand for other machines, and the cables to them that are pulled."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count

from tests.requirements import missing, program

_numbers = count()


@dataclass(frozen=True, slots=True)
class Cable:
    """A machine of one's own at the end of a cable; `here` is this one's address, `there` the other's."""

    name: str
    net: str

    @property
    def here(self) -> str:
        return f"{self.net}.1"

    @property
    def wrapper(self) -> tuple[str, ...]:
        """What runs a program over there."""
        return (program("nsenter"), f"--net=/run/netns/{self.name}")

    def pull(self) -> None:
        """From now on packets vanish, and no end of a connection is ever told."""
        self._over_there("link set eth0 down")

    def mend(self) -> None:
        self._over_there("link set eth0 up")

    def power_off(self) -> None:
        """The machine is gone, with every connection it had; nobody is told. Its programs must be dead already."""
        _ip(f"link del {self.name}")
        _ip(f"netns del {self.name}")

    def power_on(self) -> None:
        _ip(f"netns add {self.name}")
        _ip(f"link add {self.name} type veth peer name eth0 netns {self.name}")
        _ip(f"addr add {self.here}/30 dev {self.name}")
        _ip(f"link set {self.name} up")
        self._over_there("link set lo up")
        self._over_there(f"addr add {self.net}.2/30 dev eth0")
        self._over_there("link set eth0 up")

    def _over_there(self, arguments: str) -> None:
        # Not `ip -n`: that mounts things anew on the way, which a container need not permit.
        _ip(arguments, *self.wrapper)


@contextmanager
def cable() -> Iterator[Cable]:
    """Skips, or fails in CI, where network namespaces cannot be made."""
    if sys.platform == "win32" or os.geteuid() != 0:
        missing("network namespaces need Linux and root")
    number = next(_numbers)
    made = Cable(f"rwf{os.getpid()}-{number}", f"10.{os.getpid() % 200 + 20}.{100 + number % 100}")
    try:
        made.power_on()
        yield made
    finally:
        for arguments in (f"link del {made.name}", f"netns del {made.name}"):
            subprocess.run([program("ip"), *arguments.split()], check=False, capture_output=True)


def _ip(arguments: str, *wrapper: str) -> None:
    command = [*wrapper, program("ip"), *arguments.split()]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        missing(f"network namespaces are not permitted here: ip {arguments}: {done.stderr.strip()}")
