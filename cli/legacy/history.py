"""The old nodes and their history into the store: which nodes they become, and what became of each row."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from cli.invocation import Invocation
from cli.legacy import ids
from cli.legacy.report import ImportReport, counted
from cli.people import actor_of
from rigwatch.errors import SettingsError
from rigwatch.home import write_private
from rigwatch.joining import Joining
from rigwatch.messages import Sample
from rigwatch.registry import Registry
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import format_duration
from rigwatch.topics import NodeId

if TYPE_CHECKING:
    from legacy.found import Installation
    from legacy.hashlog import Hashlog
    from legacy.history import Counted
    from store import Store
    from store.past import ImportCounts

Batch: TypeAlias = Mapping[NodeId, list[Sample]]

LINES_SHOWN = 3
"""Of more rigs the lines to run are written to a file."""
ALIVE_MS = 10_000
REST_S = 0.1
"""As long as SQLite's longest wait between two looks at a lock: whoever waits for the database gets it in between."""


def databases_of(found: "Installation") -> list[Path | str]:
    """Those that hold a `hashlog`; raises `SettingsError` for a file that was named and is another program's."""
    databases: list[Path | str] = [*found.addresses]
    if not (found.databases or found.addresses):
        return databases
    try:
        from legacy.hashlog import is_hashlog
    except ImportError:
        places = ", ".join([*map(str, found.databases), *("hashdb" for _ in found.addresses)])
        raise SettingsError(
            f"{places}: history is taken over on the server, with 'rigwatch[server]' installed"
        ) from None
    for path in found.databases:
        if is_hashlog(path):
            databases.append(path)
        elif path in found.named:
            raise SettingsError(f"{path}: an SQLite file without the table 'hashlog'; it is not the old server's")
    return databases


def take_nodes_and_rows(
    call: Invocation,
    report: ImportReport,
    settings: ServerSettings,
    databases: list[Path | str],
    *,
    site: str,
    before: timedelta,
) -> None:
    """Enrols the nodes, stores their rows, and says what to run on each rig.

    `before` is the `keep` from before this import: a subscriber that runs still goes by it.
    """
    from legacy.hashlog import open_hashlog

    with call.store(settings) as store:
        wanted = settings.database.keep
        # A subscriber that runs goes by the settings of its start.
        keep = min(before, wanted) if _is_alive(call, store) else wanted
        importing = _Import(call, report, store, site, keep, wanted)
        titles: dict[NodeId, str] = {}
        for where in databases:
            with open_hashlog(where) as log:
                titles |= importing.take(log)
        if not report.dry and titles:
            _say_next(call, report, settings, store, titles=titles)


@dataclass(frozen=True, slots=True)
class _Import:
    """What all old databases have in common; `keep` is in force, `wanted` is what `server.toml` asks for."""

    call: Invocation
    report: ImportReport
    store: "Store"
    site: str
    keep: timedelta
    wanted: timedelta

    def take(self, log: "Hashlog") -> dict[NodeId, str]:
        """The nodes, and what people know each by."""
        names = log.names()
        self.report.line("found", log.where, f"{counted(log.count(), 'row')} of {counted(len(names), 'node')}")
        nodes = self._nodes(names)
        done, seconds = self._rows(log, nodes)
        _say_rows(self.report, nodes, names, done)
        self._say_new(done.total("new"), seconds)
        self._say_old(done)
        return {nodes[number]: f"old node {number}, {names[number]}".rstrip(", ") for number in nodes}

    def _nodes(self, names: Mapping[int, str]) -> dict[int, NodeId]:
        from legacy.names import assign
        from store import acts, past

        call, now = self.call, self.call.clock.now()
        given = assign(self.site, names.items(), ids.read(call.home.legacy_json, self.site))
        nodes = {number: given[number] for number in sorted(names)}
        if not self.report.dry:
            ids.write(call.home.legacy_json, self.site, given)
            registry = Registry(call.home.nodes_json)
            # Whoever was revoked here stays so, and is not taken back because it once was an old rig.
            known = registry.nodes()
            titles = {node: names[number] for number, node in nodes.items()}
            with self.store.write() as tx:
                new = [node for node in titles if node not in known]
                acts.nodes.enroll_all(tx, actor_of(""), now, new, registry=registry)
                past.introduce(tx, titles, now)
        return nodes

    def _compare(self, batch: "Batch") -> "Mapping[NodeId, ImportCounts]":
        """What would be stored; nothing is."""
        from store import past

        with self.store.read() as tx:
            return past.compare(tx, batch)

    def _rows(self, log: "Hashlog", nodes: Mapping[int, NodeId]) -> "tuple[Counted, float]":
        from legacy.history import take_over
        from store.retention import oldest_kept

        now, clock = self.call.clock.now(), self.call.clock
        if not self.report.dry:
            self.store.make_ready_for_past(self.keep, now)
        do = self._compare if self.report.dry else _gently(self.call, self.store)
        with _progress(log.count()) as progress:
            begun = clock.monotonic()
            since = oldest_kept(self.keep, now)
            done = take_over(log.pages(), nodes, do, since=since, now=now, progress=progress)
            return done, clock.monotonic() - begun

    def _say_new(self, new: int, seconds: float) -> None:
        if not new:
            self.report.line("there", "history", "nothing in it is new")
            return
        speed = f" in {seconds:.1f} s, {new / seconds:,.0f} a second" if seconds > 1 and not self.report.dry else ""
        self.report.line("taken", f"{counted(new, 'row')}{speed}")

    def _say_old(self, done: "Counted") -> None:
        old = done.total("old")
        if not old or done.oldest is None:
            return
        self.report.line("left", counted(old, "row"), f"older than [database] keep = {format_duration(self.keep)}")
        age = timedelta(milliseconds=self.call.clock.now() - done.oldest)
        if age <= self.wanted:
            self.report.step("Restart rigwatch and run this again, for the rows that it would still forget.")
            return
        days = age // timedelta(days=1) + 1
        self.report.step(
            f'To take older rows too, set [database] keep = "{days}d" in server.toml, restart rigwatch, run this again.'
        )


def _say_rows(report: ImportReport, nodes: Mapping[int, NodeId], names: Mapping[int, str], done: "Counted") -> None:
    for number, node in nodes.items():
        count = done.nodes[number]
        parts = [f"{counted(count.new, 'row')} taken"]
        parts += [f"{count.there:,} there already"] if count.there else []
        parts += [f"{count.old:,} too old"] if count.old else []
        parts += [f"{count.own:,} of a time that it has reported to rigwatch itself"] if count.own else []
        report.line("node", f"{number} {names[number]} is {node}".replace("  ", " "), ", ".join(parts))
    for fault, bad in sorted(done.faults.items()):
        report.line("left", counted(bad, "row"), fault.value)
    if done.newcomers:
        report.line("left", counted(done.newcomers, "row"), "of nodes that came while this ran; run it again")


def _gently(call: Invocation, store: "Store") -> "Callable[[Batch], Mapping[NodeId, ImportCounts]]":
    """Stores a batch, and gives a subscriber that runs its turn before the next."""

    def do(batch: Batch) -> "Mapping[NodeId, ImportCounts]":
        taken = store.add_past(batch)
        if _is_alive(call, store):
            time.sleep(REST_S)
        return taken

    return do


def _is_alive(call: Invocation, store: "Store") -> bool:
    """Whether a subscriber runs on this database."""
    from store import reader

    with store.read() as tx:
        beat_at = reader.server(tx).beat_at
    return beat_at is not None and call.clock.now() - beat_at < ALIVE_MS


@contextmanager
def _progress(total: int) -> "Iterator[Callable[[int], None]]":
    """A bar where there is a terminal to draw it on, nothing elsewhere; on stderr, so that a pipe gets the report."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("rows"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("rows", total=total)
        yield lambda rows: bar.advance(task, rows)


def _say_next(
    call: Invocation, report: ImportReport, settings: ServerSettings, store: "Store", *, titles: Mapping[NodeId, str]
) -> None:
    """A line for each rig of which nothing has been heard yet."""
    from store import reader

    report.step(f"Stop the old server; its port may be the dashboard's. Then: {call.command} up")
    with store.read() as tx:
        waiting = {each.id for each in reader.nodes(tx) if each.state is None}
    registry = Registry(call.home.nodes_json)
    due = {node: title for node, title in titles.items() if node in waiting and registry.lets_in(node)}
    # Those of rigs that have come since are secrets that nobody needs any more.
    call.home.legacy_join.unlink(missing_ok=True)
    if not due:
        return
    joining, now = Joining(call.home, settings), call.clock.now()
    lines: list[str] = []
    for node, title in due.items():
        lines += [f"{node} ({title})", f"  rigwatch import-legacy . --join {joining.token(node, now)}"]
    what = "On each rig, install 'rigwatch[publisher]', and run its line, a secret, in its old client's folder"
    if len(due) > LINES_SHOWN:
        # A line is as long as a page; of a farm nobody would find the beginning again.
        write_private(call.home.legacy_join, "\n".join([*lines, ""]))
        report.step(f"{what}; all {len(due)} are in {call.home.legacy_join}")
    else:
        report.step(f"{what}:", *lines)
