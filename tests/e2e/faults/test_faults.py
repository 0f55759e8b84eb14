import os
import random
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from tests.e2e.faults.database import without_one
from tests.e2e.faults.judge import Account, count
from tests.e2e.faults.plan import Fault, make_plan, share
from tests.e2e.faults.run import account, close, inflict, mourn, settle
from tests.e2e.faults.world import Size, world

SIZE = Size(publishers=2, nodes_each=25)


@dataclass(frozen=True, slots=True)
class Told:
    """What one run gave, and what the judge would have said of it with a sample less."""

    account: Account
    node: str
    number: int
    with_one_less: Account
    slowest: float
    crashes: list[str]
    untold: list[str]


def _say(line: str) -> None:
    """Shown with a failure."""
    print(line)  # noqa: T201 - what a failure is repeated with


def _let_happen(folder: Path, database: Literal["sqlite", "postgres"], plan: tuple[Fault, ...]) -> Told:
    # Else a death while the subscriber is away is told a minute and a half after its return.
    with world(folder, database, SIZE, grace="3s") as made:
        made.start()
        report = inflict(made, plan, patience=8, restart=True, say=lambda line: _say(f"{database}: {line}"))
        silence = mourn(made, timeout=60)
        settle(made, timeout=30)
        found = close(made)
        node, number, less = without_one(made.database)
        took = [outcome.took for outcome in report.outcomes if outcome.took is not None]
        crashes = [text for part in (made.broker, *made.publishers) for text in part.ended_by_itself]
        return Told(found, node, number, account(made, less, found.waiting), max(*took, report.last), crashes, silence)


@pytest.fixture
def folder() -> Iterator[str]:
    """Short, and reachable for PostgreSQL's account, as pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-faults-") as made:
        Path(made).chmod(0o755)
        yield made


@pytest.mark.timeout(240)
def test_whatever_fails_every_accepted_sample_is_stored_exactly_once_and_every_node_comes_back(
    folder: str, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("RIGWATCH_FAULT_SEED") or random.randrange(1_000_000))  # noqa: S311 - no secret
    _say(f"RIGWATCH_FAULT_SEED={seed} repeats this run")
    record_property("seed", seed)
    on_sqlite, on_postgres = (make_plan(seed, kinds, len(kinds), longest=1.0, rest=0.5) for kinds in share(seed))
    # Side by side: most of the time is waiting for others.
    with ThreadPoolExecutor(2) as runs:
        sqlite = runs.submit(_let_happen, Path(folder) / "sqlite", "sqlite", on_sqlite)
        postgres = runs.submit(_let_happen, Path(folder) / "postgres", "postgres", on_postgres)
    for name, told in (("SQLite", sqlite.result()), ("PostgreSQL", postgres.result())):
        assert told.account.complaints() == [], name
        assert told.crashes == [], name
        assert told.untold == [], name
        record_property(f"samples stored on {name}", count(told.account.stored))
        record_property(f"refused by full disks on {name}", count(told.account.refused))
        record_property(f"longest recovery on {name}, s", round(told.slowest, 1))
        # And had one been lost, this would have told.
        assert told.with_one_less.complaints() == [
            f"{told.node}: 1 lost ({told.number})",
            f"{told.node}: counted +1",
        ]
