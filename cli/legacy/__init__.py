"""`import-legacy`: takes over a wtc-miner-monitor installation, on its server and on its rigs; safe to repeat."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from filelock import Timeout

from cli.invocation import Invocation, app, invocation
from cli.legacy.report import ImportReport
from rigwatch.errors import RigwatchError, SettingsError, TopicError
from rigwatch.lock import private_lock
from rigwatch.topics import check_name

if TYPE_CHECKING:
    from legacy.found import Installation

Places = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH",
        help="Folder of the old server or client, server-config.json, config.json, its SQLite file, or the "
        "postgresql:// address of its hashdb.",
        show_default=False,
    ),
]


@app.command("import-legacy")
def import_legacy(  # noqa: PLR0917 - typer hands options over by position
    context: typer.Context,
    places: Places,
    join: Annotated[
        list[str] | None,
        typer.Option(metavar="TOKEN", help="On a rig: join token, a file that holds some, or '-' for standard input."),
    ] = None,
    site: Annotated[str, typer.Option(help="Where the old nodes stand.")] = "main",
    use_encryption_key: Annotated[
        bool,
        typer.Option(
            "--use-encryption-key", help="Make the old EncryptionKey the passphrase: whoever knows it is let in."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, and change nothing.")] = False,
) -> None:
    """Take over a wtc-miner-monitor installation.

    On its server: settings, history, nodes. On a rig: publisher.toml. Run again, it takes over only what is new.
    """
    from cli.legacy import history, rig, server
    from legacy.found import look

    call, report = invocation(context), ImportReport(dry=dry_run)
    try:
        check_name(site, "--site")
    except TopicError as exc:
        raise SettingsError(str(exc)) from None
    found = look(places)
    _check(found)
    databases = history.databases_of(found)
    tokens = rig.tokens_of(join or [])
    if found.servers or databases:
        # Without a home that is set up, nothing is begun.
        call.server()
    elif found.clients:
        # On a rig: what is missing is said before anything is made.
        rig.check(call, found, tokens, with_key=use_encryption_key)
    else:
        raise SettingsError("nothing of wtc-miner-monitor is there: the files hold no table 'hashlog'")
    if tokens and not found.clients:
        raise SettingsError("--join: belongs to an old client; name its folder or its config.json")
    with _alone(call, dry=dry_run):
        _say_found(report, found)
        if found.servers or databases:
            before = call.server().database.keep
            settings = server.take_settings(call, report, found, with_key=use_encryption_key)
            history.take_nodes_and_rows(call, report, settings, databases, site=site, before=before)
        if found.clients:
            rig.take_clients(call, report, found, tokens, site=site, with_key=use_encryption_key)
        report.end()


def _check(found: "Installation") -> None:
    if len(found.servers) > 1:
        paths = " and ".join(map(str, found.servers))
        raise SettingsError(f"{paths}: settings of two servers; take them over one after the other")


def _say_found(report: ImportReport, found: "Installation") -> None:
    for path in found.servers:
        report.line("found", str(path), "settings of the old server")
    for path in found.clients:
        report.line("found", str(path), "settings of an old client")


@contextmanager
def _alone(call: Invocation, *, dry: bool) -> Iterator[None]:
    """Two imports at once would give names to the same nodes."""
    if dry:
        yield
        return
    call.home.prepare()
    try:
        with private_lock(call.home.legacy_json.with_suffix(".lock"), timeout=0):
            yield
    except Timeout:
        raise RigwatchError(f"home {call.home.path}: another import runs here; wait for its end") from None
