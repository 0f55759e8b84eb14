"""Faults at random in whole installations on SQLite and PostgreSQL, side by side: what was lost, and how long it took.

`python -m benchmarks.faults [--faults 100] [--seed N] [--short] [--write]`, as root: it mounts disks and pulls cables.
Ends with 1 when a single sample was lost, doubled or invented, a death was not told, or one that lived called dead.
"""

import argparse
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Literal

from benchmarks.tables import replace_between, table
from tests.e2e.faults.judge import Account, count
from tests.e2e.faults.plan import ON_POSTGRES, ON_SQLITE, Kind, make_plan
from tests.e2e.faults.run import Report, close, cried_wolf, inflict, mourn, settle
from tests.e2e.faults.told import Death, untold
from tests.e2e.faults.world import Size, world

_Database = Literal["sqlite", "postgres"]
_NAMES: dict[_Database, str] = {"sqlite": "SQLite", "postgres": "PostgreSQL"}
_KINDS: dict[_Database, Sequence[Kind]] = {"sqlite": ON_SQLITE, "postgres": ON_POSTGRES}
# A publisher whose broker dies again and again tries again after a minute at most.
_PATIENCE_S = 75.0


@dataclass(frozen=True, slots=True)
class Ran:
    report: Report
    account: Account
    deaths: list[Death]
    complaints: list[str]


def main() -> None:
    options = _options()
    print(f"seed {options.seed}: --seed {options.seed} repeats this run", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="rigwatch-faults-") as folder, ThreadPoolExecutor(2) as runs:
        # PostgreSQL's account must get at its own part of it.
        Path(folder).chmod(0o755)
        started = {name: runs.submit(_run, Path(folder) / name, name, options) for name in _NAMES}
        ran = {name: run.result() for name, run in started.items()}
    text = _tell(ran, options, time.monotonic() - began)
    print(text)
    if options.write:
        replace_between("faults", text)
    complaints = [
        f"{_NAMES[name]}: {line}"
        for name, each in ran.items()
        for line in (*each.account.complaints(), *each.complaints)
    ]
    if complaints:
        raise SystemExit("\n".join(complaints))


def _run(folder: Path, database: _Database, options: argparse.Namespace) -> Ran:
    def say(line: str) -> None:
        print(f"{_NAMES[database]}: {line}", flush=True)

    kinds = [kind for kind in _KINDS[database] if not options.only or kind.name in options.only.split(",")]
    plan = make_plan(options.seed, kinds, options.faults // 2 if kinds else 0, longest=5.0)
    try:
        with world(folder, database, Size()) as made:
            made.start()
            report = inflict(made, plan, patience=_PATIENCE_S, say=say)
            silence = mourn(made)
            settle(made)
            wolf = cried_wolf(made, report)
            return Ran(report, close(made), made.doomed.deaths, [*silence, *wolf])
    except AssertionError as exc:
        # The other one goes on for minutes, and this is told at its end.
        say(f"given up: {exc}")
        raise


def _tell(ran: dict[_Database, Ran], options: argparse.Namespace, seconds: float) -> str:
    took: defaultdict[Kind, list[float | None]] = defaultdict(list)
    for each in ran.values():
        for outcome in each.report.outcomes:
            took[outcome.fault.kind].append(outcome.took)
    faults = table(
        ("fault", "times", "all well again after, median", "longest"), [_row(*each) for each in took.items()]
    )
    samples = table(
        ("samples", *_NAMES.values()),
        [
            ("accepted by an outbox", *(count(each.account.accepted) for each in ran.values())),
            ("stored", *(count(each.account.stored) for each in ran.values())),
            ("waiting in an outbox at the end", *(count(each.account.waiting) for each in ran.values())),
            ("lost", *(count(each.account.lost) for each in ran.values())),
            ("doubled", *(sum(map(abs, each.account.doubled.values())) for each in ran.values())),
            ("numbers used again after a kill on a full disk", *(count(each.account.reused) for each in ran.values())),
            ("refused by a full disk, and reported", *(count(each.account.refused) for each in ran.values())),
            ("deaths of nodes during faults", *(len(each.deaths) for each in ran.values())),
            ("deaths untold", *(len(untold(each.deaths)) for each in ran.values())),
            ("from the end of the fault to the message, longest", *(_longest(each.deaths) for each in ran.values())),
            ("false alerts", *(sum("false alert" in line for line in each.complaints) for each in ran.values())),
        ],
    )
    about = (
        f"Seed {options.seed}, {options.faults} faults, {Size().nodes} nodes a database that report every second, "
        f"{seconds / 60:.0f} minutes; after the last fault all were well within "
        f"{max(each.report.last for each in ran.values()):.0f} s."
    )
    return f"{about}\n\n{samples}\n\n{faults}"


def _longest(deaths: Sequence[Death]) -> str:
    waits = [max(death.told_at - death.freed_at, 0.0) for death in deaths if death.told_at is not None]
    return f"{max(waits, default=0.0):.1f} s"


def _row(kind: Kind, took: list[float | None]) -> tuple[str, int, str, str]:
    """Where the next fault came before all were well, nothing was measured."""
    known = sorted(each for each in took if each is not None)
    if not known:
        return kind.value, len(took), "never alone", ""
    return kind.value, len(took), f"{median(known):.1f} s", f"{known[-1]:.1f} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--faults", type=int, default=100, help="half of them on each database")
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))  # noqa: S311 - no secret
    parser.add_argument("--short", action="store_true", help="16 faults, whatever else is said")
    parser.add_argument("--only", default="", help="kinds of faults by name, such as THIEF,CLONE")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    options = parser.parse_args()
    if options.short:
        options.faults = 16
    return options


if __name__ == "__main__":
    main()
