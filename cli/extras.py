"""What to say on a machine that lacks a command's packages: a rig has neither a server's nor a database's."""

import importlib.util
import sys
from typing import Final

from rigwatch.errors import SettingsError

SERVER: Final = ("amqtt", "argon2", "flask", "peewee", "psycopg", "uvicorn")
"""Of the extra `server`, what no other extra has: enough to tell whether it is installed."""
PUBLISHER: Final = frozenset({"paho", "psutil", "pynvml"})
"""Modules that come with the extra `publisher`, and with `server` too as far as that needs them."""
RIG: Final = frozenset({"discover", "publish", "doctor", "import-legacy", "push", "simulate", "sources", "watch"})
"""Commands that work, or tell of more, without a server's packages."""
_OURS: Final = frozenset({"alerts", "broker", "cli", "legacy", "publisher", "rigwatch", "store", "subscriber", "web"})


class PackagesMissing(SettingsError):
    """A command needs packages that are not installed here."""

    def __init__(self, command: str, missing: str, extra: str) -> None:
        needs = f"'rigwatch {command}' needs packages that are not installed here ({missing})"
        super().__init__(f"{needs}; run: {how_to_install(extra)}")


def how_to_install(extra: str) -> str:
    return f"{sys.executable} -m pip install 'rigwatch[{extra}]'"


def check_installed(command: str) -> None:
    """Raises `PackagesMissing` for a server's command on a machine without a server's packages; some µs a package."""
    if command not in RIG:
        check_server(command)


def check_server(command: str) -> None:
    """Raises `PackagesMissing` where a server's packages are not installed."""
    if missing := _missing():
        raise PackagesMissing(command, ", ".join(missing), "server")


def has_server() -> bool:
    """Whether a server's packages are installed."""
    return not _missing()


def why_missing(exc: ModuleNotFoundError, command: str) -> PackagesMissing | None:
    """What to install for an import that failed; None for a module of our own, which is a defect."""
    name = (exc.name or "").partition(".")[0]
    if not name or name in _OURS:
        return None
    if command in RIG and name in PUBLISHER:
        return PackagesMissing(command, name, "publisher")
    return PackagesMissing(command, ", ".join(_missing() or [name]), "server")


def _missing() -> list[str]:
    return [name for name in SERVER if importlib.util.find_spec(name) is None]
