"""What outboxes accepted and what their disks refused, learnt from outside: from publishers' logs and their files."""

import re
import shutil
import sqlite3
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from contextlib import closing, suppress
from pathlib import Path

from tests.e2e.faults.judge import Numbers, union
from tests.processes import Program

_LINE = re.compile(r"(sample kept|disk refuses samples|disk takes samples again)\S*.*? node=(\S+)(?: n=(\d+))?")


class Ledger:
    """A publisher's log (written with --debug) names a sample once the disk has it.

    One that is killed between the two leaves the sample unnamed in its outbox, so the files are read right after the
    kill as well, before the next publisher opens them. While the log says that the disk refuses samples, those that are
    named are in memory alone: they are accepted when the disk takes them, and refused when the publisher ends first.
    """

    def __init__(self, copies: Path) -> None:
        self._copies = copies
        self._programs: list[Program] = []
        self._found: Numbers = {}

    def watch(self, program: Program) -> None:
        """A publisher that has just been started."""
        self._programs.append(program)

    def read_outboxes(self, folder: Path) -> Numbers:
        """What waits there, which counts as accepted; no process may have the files open."""
        found = outboxes(folder, self._copies)
        self._found = union(self._found, found)
        return found

    def totals(self) -> tuple[Numbers, Numbers, Numbers]:
        """Accepted, refused, and refused by one publisher's disk and then accepted under the same number, so far."""
        accepted, refused = self._found, dict[str, AbstractSet[int]]()
        for program in self._programs:
            on_disk, in_memory = read_log(program.text().splitlines())
            accepted, refused = union(accepted, on_disk), union(refused, in_memory)
        rest = {node: numbers - accepted.get(node, set()) for node, numbers in refused.items()}
        return accepted, rest, {node: numbers & accepted.get(node, set()) for node, numbers in refused.items()}


def read_log(lines: Iterable[str]) -> tuple[Numbers, Numbers]:
    """The samples on the disk and those in memory alone, at the end of one publisher's log."""
    on_disk: dict[str, set[int]] = {}
    in_memory: dict[str, set[int]] = {}
    refusing: set[str] = set()
    for line in lines:
        if not (found := _LINE.search(line)):
            continue
        event, node, number = found.groups()
        if event == "disk refuses samples":
            refusing.add(node)
        elif event == "disk takes samples again":
            refusing.discard(node)
            on_disk.setdefault(node, set()).update(in_memory.pop(node, ()))
        else:
            (in_memory if node in refusing else on_disk).setdefault(node, set()).add(int(number))
    return on_disk, in_memory


def outboxes(folder: Path, copies: Path) -> Numbers:
    """The samples in a publisher's outboxes, by node; looked at in a copy, since opening them would change them."""
    if not folder.exists():
        return {}
    shutil.copytree(folder, copies)
    found: dict[str, AbstractSet[int]] = {}
    for path in copies.glob("*.db"):
        site, node, _ = path.name.split(".")
        # One that was made on a full disk has no table yet.
        with closing(sqlite3.connect(path)) as outbox, suppress(sqlite3.OperationalError):
            found[f"{site}/{node}"] = {n for (n,) in outbox.execute("SELECT n FROM sample")}
    shutil.rmtree(copies)
    return found
