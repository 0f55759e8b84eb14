"""`upgrade-check`: what this version will do to the home of another, before it is started there; changes nothing."""

import platform
import shutil
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import typer
from filelock import Timeout

import rigwatch
from cli.backup.last import last_backup
from cli.invocation import Invocation, app, invocation
from cli.output import say
from rigwatch.clock import as_datetime
from rigwatch.errors import RigwatchError
from rigwatch.lock import private_lock

if TYPE_CHECKING:
    from store.schema import SchemaStatus


@app.command("upgrade-check")
def upgrade_check(context: typer.Context) -> None:
    """Say what this version will do when it is started here, and how to go back.

    Run the command of the new version against the home of the old one. Exits 1 when it could not start.
    """
    call = invocation(context)
    failed = False
    for name, text, is_fine in _found(call):
        say(f"{name:<10} {text}")
        failed = failed or not is_fine
    if failed:
        raise RigwatchError("this version could not start here, see above; nothing was changed")


def _found(call: Invocation) -> Iterator[tuple[str, str, bool]]:
    yield "program", f"rigwatch {rigwatch.__version__}, Python {platform.python_version()}", True
    try:
        settings = call.server()
    except RigwatchError as exc:
        yield "settings", f"not understood: {exc}", False
        return
    yield "settings", f"{call.home.server_toml} is understood", True
    if _runs(call):
        yield "running", "rigwatch runs here: stop it before the new version is started", True
    made = last_backup(call.home)
    yield (
        "backup",
        f"the last one was made {as_datetime(made):%Y-%m-%d %H:%M} UTC" if made else "none was made here",
        True,
    )
    try:
        yield from _database(call, settings.database.url)
    except RigwatchError as exc:
        yield "database", str(exc), False


def _database(call: Invocation, url: str) -> Iterator[tuple[str, str, bool]]:
    from store import upkeep

    status = upkeep.schema_of(url, call.home)
    if not status.missing:
        yield "database", f"is up to date ({status.version}); nothing will be changed", True
        yield from _publishers(call)
        return
    changes = f"{len(status.missing)} change{'' if len(status.missing) == 1 else 's'}"
    yield "database", f"is at {status.version}; {changes}: {', '.join(status.missing)}", True
    if url.startswith("sqlite:"):
        yield from _copy(call, url, status)
    else:
        yield "copy", f"none is made of PostgreSQL: run '{call.command} backup FILE' of the old version first", True
        yield "back", "install the version of before, and restore that backup into a new database", True


def _copy(call: Invocation, url: str, status: "SchemaStatus") -> Iterator[tuple[str, str, bool]]:
    from store import earlier
    from store.engine import sqlite_path

    database, folder = sqlite_path(url, call.home), call.home.backups
    copy, size = earlier.copy_of(folder, status.version), database.stat().st_size / 1e6
    if lacks := earlier.lacking(database, folder):
        yield "copy", f"{lacks / 1e6:.0f} MB more have to be free in {folder}; without them it will not start", False
        return
    free = shutil.disk_usage(call.home.path).free / 1e9
    yield "copy", f"{size:.1f} MB into {copy} first; {free:.1f} GB are free, {earlier.KEPT} copies are kept", True
    yield "back", earlier.how_back(database, copy), True


def _publishers(call: Invocation) -> Iterator[tuple[str, str, bool]]:
    from store import reader

    with call.store() as store, store.read() as tx:
        versions = Counter(facts.version or "unknown" for facts in reader.nodes(tx) if facts.first_seen_at)
    if versions:
        told = ", ".join(f"{count} of {version}" for version, count in sorted(versions.items()))
        yield "publishers", f"{told}; every one since 0.1.0 is understood", True


def _runs(call: Invocation) -> bool:
    if not call.home.supervisor_lock.exists():
        return False
    try:
        with private_lock(call.home.supervisor_lock, timeout=0):
            return False
    except Timeout:
        return True
