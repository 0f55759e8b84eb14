"""How a machine keeps the agent running: systemd, OpenRC, or cron where there is neither; each can be undone."""

import os
import shlex
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import psutil

from publisher.install import accounts
from publisher.install.layout import NAME, Layout
from publisher.install.tools import call
from rigwatch.errors import RigwatchError

_STOP_S: Final = 20.0
_NO_TABLE: Final = ("no crontab for", "No such file")
"""What cron says, and busybox's, where a user has none."""
_UNIT: Final = """\
# The agent of rigwatch, as '{program} install' wrote it; '{program} uninstall' removes it.
[Unit]
Description=rigwatch agent
Wants=network-online.target
After=network-online.target
StartLimitIntervalSec=0

[Service]
User={user}
Environment=RIGWATCH_HOME={home} RIGWATCH_AGENT_DIR={unpacked}
ExecStart={program} publish
Restart=always
RestartSec=5
# A goodbye waits for the broker's answer.
TimeoutStopSec=20
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
ReadWritePaths={home}
CapabilityBoundingSet=
AmbientCapabilities=
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectClock=yes
ProtectHostname=yes
PrivateMounts=yes
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
LockPersonality=yes
RemoveIPC=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM

[Install]
WantedBy=multi-user.target
"""
_OPENRC: Final = """\
#!/sbin/openrc-run
# The agent of rigwatch, as '{program} install' wrote it; '{program} uninstall' removes it.
description="rigwatch agent"
supervisor=supervise-daemon
command="{program}"
command_args="publish"
command_user="{user}"
respawn_delay=5
export RIGWATCH_HOME="{home}" RIGWATCH_AGENT_DIR="{unpacked}"
depend() {{
    need net
    after clock
}}
"""


class Service(Protocol):
    """Something that keeps the agent running from now on and after a restart of the machine."""

    @property
    def name(self) -> str: ...

    def start(self, user: str) -> None:
        """Writes what is needed and starts the agent anew; raises `RigwatchError`."""

    def stop(self) -> None:
        """Until it is started again; does nothing where there is nothing. Raises `RigwatchError`."""

    def remove(self) -> None:
        """Stops it and leaves nothing; does nothing where there is nothing."""


@dataclass(frozen=True, slots=True)
class Systemd:
    layout: Layout
    name: str = "systemd"

    def start(self, user: str) -> None:
        _write(self.layout.unit, _filled(_UNIT, self.layout, user), 0o644)
        call(["systemctl", "daemon-reload"])
        call(["systemctl", "enable", NAME])
        call(["systemctl", "restart", NAME])

    def stop(self) -> None:
        if self.layout.unit.exists():
            call(["systemctl", "stop", NAME])

    def remove(self) -> None:
        if self.layout.unit.exists():
            call(["systemctl", "disable", "--now", NAME])
            self.layout.unit.unlink(missing_ok=True)
            call(["systemctl", "daemon-reload"])


@dataclass(frozen=True, slots=True)
class OpenRc:
    layout: Layout
    name: str = "OpenRC"

    def start(self, user: str) -> None:
        _write(self.layout.openrc, _filled(_OPENRC, self.layout, user), 0o755)
        call(["rc-update", "add", NAME, "default"])
        call(["rc-service", NAME, "restart"])

    def stop(self) -> None:
        if self.layout.openrc.exists():
            call(["rc-service", NAME, "stop"])

    def remove(self) -> None:
        if self.layout.openrc.exists():
            call(["rc-service", NAME, "stop"])
            call(["rc-update", "del", NAME, "default"])
            self.layout.openrc.unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class Detached:
    """A process of its own that nobody looks after; with `crontab` one that cron starts, and starts again.

    Cron asks every minute: what runs already refuses a second one, as its outbox is taken.
    """

    layout: Layout
    crontab: bool
    name: str = "cron"

    def start(self, user: str) -> None:
        self.stop()
        if self.crontab:
            self._schedule(f"* * * * * {self._line(user)}")
        log = os.open(self.layout.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            subprocess.Popen(
                self._command(user),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._environment(),
                start_new_session=True,
                cwd="/",
            )
        finally:
            os.close(log)

    def remove(self) -> None:
        if self.crontab:
            self._schedule("")
        self.stop()

    def _command(self, user: str) -> list[str]:
        program = str(self.layout.program)
        if user == accounts.own():
            return [program, "publish"]
        return ["su", "-s", "/bin/sh", user, "-c", f"exec {shlex.quote(program)} publish"]

    def _environment(self) -> Mapping[str, str]:
        own = {"RIGWATCH_HOME": str(self.layout.home), "RIGWATCH_AGENT_DIR": str(self.layout.unpacked)}
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RIGWATCH_")}
        return {**kept, **own}

    def _line(self, user: str) -> str:
        inner = f"RIGWATCH_HOME={self.layout.home} {self._mark()} >/dev/null 2>&1"
        return inner if user == accounts.own() else f"su -s /bin/sh {user} -c {shlex.quote(inner)}"

    def _mark(self) -> str:
        """By which our line is known among those of others."""
        return f"RIGWATCH_AGENT_DIR={self.layout.unpacked} {self.layout.program} publish"

    def _schedule(self, line: str) -> None:
        try:
            before = call(["crontab", "-l"])
        except RigwatchError as exc:
            # What cannot be read is not written: the lines of others are in it.
            if not any(said in str(exc) for said in _NO_TABLE):
                raise
            before = ""
        if before and not before.endswith("\n"):
            before += "\n"
        kept = [each for each in before.splitlines(keepends=True) if self._mark() not in each]
        after = "".join([*kept, *([f"{line}\n"] if line else [])])
        if after != before:
            call(["crontab", "-"] if after else ["crontab", "-r"], fed=after)

    def stop(self) -> None:
        """Every process that publishes from this home, whoever started it: an installation before this, or cron."""
        running = [each for each in psutil.process_iter() if self._publishes(each)]
        for each in running:
            with suppress(psutil.Error):
                each.terminate()
        deadline = time.monotonic() + _STOP_S
        while time.monotonic() < deadline and any(map(_runs, running)):
            time.sleep(0.05)
        for each in filter(_runs, running):
            with suppress(psutil.Error):
                each.kill()

    def _publishes(self, process: psutil.Process) -> bool:
        try:
            is_ours = process.environ().get("RIGWATCH_HOME") == str(self.layout.home)
            return is_ours and process.cmdline()[-1:] == ["publish"]
        except (psutil.Error, OSError):
            return False


def service_of(layout: Layout) -> Service:
    """What this machine has. Raises `RigwatchError` where it has nothing that keeps a program running."""
    if not layout.is_system:
        return Detached(layout, crontab=False, name="nothing but this process")
    if Path("/run/systemd/system").is_dir() and shutil.which("systemctl"):
        return Systemd(layout)
    if shutil.which("rc-service") and shutil.which("rc-update"):
        return OpenRc(layout)
    if shutil.which("crontab"):
        return Detached(layout, crontab=True)
    raise RigwatchError(
        "this system has neither systemd nor OpenRC nor cron; run 'rigwatch-agent publish' by its own means"
    )


def services(layout: Layout) -> tuple[Service, ...]:
    """Each that may keep an agent here, whatever it is now that the machine has."""
    if not layout.is_system:
        return (service_of(layout),)
    return Systemd(layout), OpenRc(layout), Detached(layout, crontab=shutil.which("crontab") is not None)


def _filled(text: str, layout: Layout, user: str) -> str:
    return text.format(program=layout.program, home=layout.home, unpacked=layout.unpacked, user=user)


def _write(path: Path, text: str, mode: int) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        path.chmod(mode)
    except OSError as exc:
        raise RigwatchError(f"{path}: cannot be written ({exc.strerror or exc})") from exc


def _runs(process: psutil.Process) -> bool:
    # One that has ended and waits for its parent is not running any more.
    with suppress(psutil.Error):
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    return False
