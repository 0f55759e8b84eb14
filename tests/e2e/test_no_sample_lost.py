import shutil
import sqlite3
import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import closing
from itertools import cycle
from pathlib import Path

import psutil
import pytest

from tests.e2e.rigs import kept_samples
from tests.e2e.station import PARTS, START_S, Station, is_dead, parts_of, reading, samples_in
from tests.processes import Program
from tests.waiting import eventually

NODES = 20
# With the start and the last delivery, a minute in all.
KILLING_S = 50.0
PASSPHRASE = "twenty rigs in one garage"
# A report that the broker had and the subscriber did not is sent again after 20 s; the rest is for slow machines.
DELIVERED_S = 45.0


def _publisher_toml(station: Station) -> str:
    return "\n".join(
        f"[[nodes]]\nnode = 'rig{number:02}'\nserver = 'mqtt://127.0.0.1:{station.plain_port}'\n"
        f"passphrase = '{PASSPHRASE}'\ninterval = '1s'\n"
        "[[nodes.sources]]\nkind = 'simulated'\nevery = '1s'\n"
        for number in range(1, NODES + 1)
    )


@pytest.fixture
def fleet(station: Station) -> Program:
    """`rigwatch up` whose own publisher is twenty nodes that report every second, all known to the store."""
    station.rigwatch.environment |= {
        "RIGWATCH_SECURITY__PASSPHRASE": PASSPHRASE,
        "RIGWATCH_SECURITY__ENROLLMENT": "open",
    }
    (station.home / "publisher.toml").write_text(_publisher_toml(station), encoding="utf-8")
    up = station.up("--debug")
    eventually(lambda: len(station.samples()) == NODES, timeout=START_S, what="all nodes report")
    return up


class Ledger:
    """Every sample that any outbox has taken, learnt from outside the publisher.

    Its log names a sample once the disk has it. A publisher that is killed between the two leaves the sample unnamed in
    its outbox, so the outboxes are read right after the kill as well, before the next publisher can open them.
    """

    def __init__(self, station: Station, up: Program) -> None:
        self._station = station
        self._up = up
        self._in_outboxes: dict[str, set[int]] = {}

    def taken(self) -> dict[str, set[int]]:
        return _union(kept_samples(self._up.text()), self._in_outboxes)

    def read_outboxes(self) -> dict[str, set[int]]:
        """What waits there, added to the ledger; nobody may have the files open."""
        copies = self._station.rigwatch.folder / "outboxes"
        shutil.copytree(self._station.home / "outbox", copies)
        found = {}
        for path in copies.glob("*.db"):
            with closing(sqlite3.connect(path)) as outbox:
                site, node, _ = path.name.split(".")
                found[f"{site}/{node}"] = {n for (n,) in outbox.execute("SELECT n FROM sample")}
        shutil.rmtree(copies)
        self._in_outboxes = _union(self._in_outboxes, found)
        return found


def _union(one: Mapping[str, set[int]], other: Mapping[str, set[int]]) -> dict[str, set[int]]:
    return {node: one.get(node, set()) | other.get(node, set()) for node in one.keys() | other.keys()}


def _count(numbers: Mapping[str, AbstractSet[int]]) -> int:
    return sum(map(len, numbers.values()))


def _difference(
    some: Mapping[str, AbstractSet[int]], others: Mapping[str, AbstractSet[int]]
) -> dict[str, AbstractSet[int]]:
    left = {node: numbers - others.get(node, set()) for node, numbers in some.items()}
    return {node: numbers for node, numbers in left.items() if numbers}


def _kill_and_read_outboxes(up: Program, ledger: Ledger) -> None:
    # The supervisor is held meanwhile, so that no new publisher opens the outboxes before they have been read.
    supervisor, victim = psutil.Process(up.pid), parts_of(up)["publish"]
    supervisor.suspend()
    try:
        victim.kill()
        eventually(lambda: is_dead(victim), what="the publisher is dead")
        ledger.read_outboxes()
    finally:
        supervisor.resume()


def _kill_with_samples_on_their_way(part: str, up: Program, ledger: Ledger) -> None:
    # Held before it is killed, so that it takes samples with it that it was sent and has not passed on.
    victim = parts_of(up)[part]
    victim.suspend()
    before = ledger.taken()
    eventually(lambda: _difference(ledger.taken(), before).keys() == before.keys(), what="each node has a new sample")
    victim.kill()


def _all_report_again(station: Station, since: int) -> bool:
    # n is the time of the sample in ms, or a little more: one from after the kill has come all the way.
    newest = {node: max(numbers) for node, numbers in station.samples().items()}
    return len(newest) == NODES and min(newest.values()) > since


def _all_stored(due: Mapping[str, set[int]], station: Station) -> bool:
    assert _difference(due, station.samples()) == {}
    return True


def _counted_by_rollups(database: Path) -> dict[str, int]:
    """The rollups' own count of samples, for which a sample taken twice would be two."""
    with reading(database) as store:
        rows = store.execute(
            "SELECT site, node, sum(h.samples) FROM node_hour h JOIN node ON node.id = h.node_id GROUP BY site, node"
        )
        return {f"{site}/{node}": count for site, node, count in rows}


def _pid(up: Program, part: str) -> int | None:
    process = parts_of(up).get(part)
    return process.pid if process else None


def _kill_and_wait_for_all(part: str, station: Station, up: Program, ledger: Ledger) -> None:
    before = _pid(up, part)
    if part == "publish":
        _kill_and_read_outboxes(up, ledger)
    else:
        _kill_with_samples_on_their_way(part, up, ledger)
    since = time.time_ns() // 1_000_000
    eventually(lambda: _pid(up, part) not in (None, before), timeout=START_S, what=f"{part} starts again")
    eventually(lambda: _all_report_again(station, since), timeout=START_S, what=f"all report again after {part}")
    eventually(lambda: station.page().rows.keys() == station.samples().keys(), timeout=START_S, what="the page is back")


def _without_one(database: Path, node: str, n: int) -> dict[str, set[int]]:
    """What the store would hold had this sample been lost."""
    copy = database.with_name("one-less.db")
    with reading(database) as store, closing(sqlite3.connect(copy)) as less:
        store.backup(less)
        owner = "(SELECT id FROM node WHERE site || '/' || node = ?)"
        assert less.execute(f"DELETE FROM sample WHERE node_id = {owner} AND n = ?", (node, n)).rowcount == 1  # noqa: S608 - a constant
        return samples_in(less)


def test_every_sample_is_stored_exactly_once_although_each_part_is_killed_in_turn(
    station: Station, fleet: Program, record_property: Callable[[str, object], None]
) -> None:
    ledger = Ledger(station, fleet)
    until, kills = time.monotonic() + KILLING_S, 0
    for part in cycle(PARTS):
        if kills >= len(PARTS) and time.monotonic() > until:
            break
        _kill_and_wait_for_all(part, station, fleet, ledger)
        kills += 1
    record_property("kills", kills)
    due = ledger.taken()
    eventually(lambda: _all_stored(due, station), timeout=DELIVERED_S, what="all samples of before are stored")
    assert fleet.terminate() == 0
    waiting = ledger.read_outboxes()
    taken, stored, database = ledger.taken(), station.samples(), station.home / "rigwatch.db"
    record_property("samples taken", _count(taken))
    record_property("samples still in outboxes", _count(_difference(waiting, stored)))

    # What was taken in the last moments may wait in its outbox for the next start; nothing is nowhere.
    safe = _union(stored, waiting)
    assert _difference(taken, safe) == {}
    assert _difference(stored, taken) == {}
    assert _difference(_difference(waiting, stored), _difference(waiting, due)) == {}
    assert _counted_by_rollups(database) == {node: len(numbers) for node, numbers in stored.items()}

    # And had one been lost, this would have told.
    node, n = next((node, min(numbers)) for node, numbers in _difference(stored, waiting).items())
    assert _difference(taken, _union(_without_one(database, node, n), waiting)) == {node: {n}}
