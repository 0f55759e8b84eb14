"""Where the agent lives on a machine; below `prefix` for a trial that touches nothing of the system."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

NAME: Final = "rigwatch-agent"


@dataclass(frozen=True, slots=True)
class Layout:
    prefix: Path = Path("/")

    @property
    def is_system(self) -> bool:
        return self.prefix == Path("/")

    @property
    def program(self) -> Path:
        return self.prefix / "usr/local/bin" / NAME

    @property
    def fresh(self) -> Path:
        """The program while it is being written."""
        return self.program.with_name(f".{NAME}.new")

    @property
    def unpacked(self) -> Path:
        """Where the one file unpacks itself when root starts it (`_build/agent/stub.sh`)."""
        return self.prefix / "opt" / NAME

    @property
    def home(self) -> Path:
        return self.prefix / "var/lib" / NAME

    @property
    def unit(self) -> Path:
        return self.prefix / "etc/systemd/system" / f"{NAME}.service"

    @property
    def openrc(self) -> Path:
        return self.prefix / "etc/init.d" / NAME

    @property
    def log(self) -> Path:
        """Not in the home: that is the agent's own, and root must not write where it could lead it elsewhere."""
        return self.unpacked / "agent.log"
