"""The systemd unit of a server: what it may do is all that it needs. Pure; who writes it and where is not here."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

NAME: Final = "rigwatch"
FILE: Final = f"{NAME}.service"

_HEAD: Final = """\
# Broker, subscriber, dashboard and this machine's publisher, supervised by `rigwatch up`.
[Unit]
Description=rigwatch server
Wants=network-online.target
After=network-online.target time-sync.target

[Service]
"""
_RUN: Final = """\
Environment=RIGWATCH_HOME={home}
# -P: no module is looked for in the folder that anything stands in.
ExecStart={python} -P -m rigwatch up
Restart=always
RestartSec=2
# Above the 15 s that each part has to stop by itself.
TimeoutStopSec=75
LimitNOFILE=65536
UMask=0077
NoNewPrivileges=yes
"""
_HARDENED: Final = """\
ProtectSystem=strict
ReadWritePaths={home}
PrivateTmp=yes
PrivateMounts=yes
CapabilityBoundingSet=
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
# The publisher asks the drivers of cards, and tells a miner by the process that listens.
DevicePolicy=closed
DeviceAllow=char-nvidia rw
DeviceAllow=char-nvidiactl rw
DeviceAllow=char-nvidia-uvm rw
DeviceAllow=char-drm rw
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
RemoveIPC=yes
KeyringMode=private
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM
"""
_SYSTEM: Final = """
[Install]
WantedBy=multi-user.target
"""
_USER: Final = """
[Install]
WantedBy=default.target
"""
_HIDDEN: Final = (Path("/home"), Path("/root"), Path("/run/user"))
"""What `ProtectHome` takes away; what is run from there is shown again, to be read."""


@dataclass(frozen=True, slots=True)
class Installed:
    """What runs: the interpreter, and every folder that its modules come from."""

    python: Path
    folders: tuple[Path, ...] = field(default=())

    @property
    def in_homes(self) -> list[Path]:
        """Those of the folders that are in somebody's home, none of them in another of them."""
        found = sorted({each for each in self.folders if any(each.is_relative_to(above) for above in _HIDDEN)})
        return [each for each in found if not any(each != other and each.is_relative_to(other) for other in found)]


def system_unit(installed: Installed, home: Path, user: str) -> str:
    """For root's systemd, as the account `user`."""
    shown = installed.in_homes
    homes = "ProtectHome=tmpfs\n" if shown else "ProtectHome=yes\n"
    homes += "".join(f"BindReadOnlyPaths={_word(each)}\n" for each in shown)
    run = _RUN.format(home=_word(home), python=_word(installed.python))
    return f"{_HEAD}User={user}\n{run}{_HARDENED.format(home=_word(home))}{homes}{_SYSTEM}"


def user_unit(installed: Installed, home: Path) -> str:
    """For the systemd of one user, who needs no protection from what is his own."""
    return f"{_HEAD}{_RUN.format(home=_word(home), python=_word(installed.python))}{_USER}"


def _word(path: Path) -> str:
    """As a unit has it: spaces quoted, and what systemd would replace doubled."""
    text = str(path).replace("\\", "\\\\").replace("%", "%%").replace("$", "$$").replace('"', '\\"')
    return f'"{text}"' if " " in text else text
