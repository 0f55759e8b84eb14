"""The subscriber's database, SQLite or PostgreSQL: what is stored, what can be asked, and nothing that decides."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import TypeVar

from alerts.ingest import ReceivedMessage
from alerts.quota import Quota
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.messages import Sample
from rigwatch.topics import NodeId
from store import past, reader, retention, writer
from store.engine import StoreEngine, connect
from store.faults import DatabaseFault, Unstorable, Unusable, fault_of
from store.leader_lease import LeaderLease
from store.schema import migrate
from store.transaction import Transaction
from store.writer import Verdict, Written

__all__ = ["DatabaseFault", "Store", "Unstorable", "Unusable", "Verdict", "Written", "fault_of", "open_store"]

T = TypeVar("T")


class Store:
    """Safe to use from several threads and processes at once. Every method raises `StoreError` when it cannot work."""

    def __init__(self, engine: StoreEngine) -> None:
        self._engine = engine
        self.quota: Quota | None = None
        """How much one node may have stored a day; None: as much as it sends."""

    def close(self) -> None:
        self._engine.close()

    def revision(self) -> int | None:
        """Differs after every commit, whoever makes it; None where that cannot be told at once."""
        return self._engine.revision()

    def read(self) -> AbstractContextManager[Transaction]:
        """For what is asked: `with store.read() as tx`, each statement by itself."""
        return self._engine.reading()

    def write(self) -> AbstractContextManager[Transaction]:
        """For what is changed: `with store.write() as tx`, on the disk when that ends, or nothing when it raises."""
        return self._engine.writing()

    def history(self, node: NodeId, *, since: Millis = 0, after: int = -1) -> Iterator[list[Sample]]:
        """One node's samples by `n`, a thousand at a time, each slice read for itself: nothing waits for the reader.

        `after` begins behind the sample of that number.
        """
        while True:
            with self._engine.reading() as tx:
                part = reader.samples_after(tx, node, after, since=since)
            if not part:
                return
            yield part
            after = part[-1].n

    def take(
        self, batch: Sequence[ReceivedMessage], then: Callable[[Transaction, Written], None] | None = None
    ) -> list[Verdict]:
        """Judges and stores messages in one transaction; what became of each. When this returns, it is on the disk.

        `then` is done in the same transaction, and is told what was written: what it raises undoes the batch as well.
        """
        added: set[NodeId] = set()
        look_for_all = written = False
        while True:
            try:
                with self._engine.writing() as tx:
                    done = writer.write(tx, batch, look_for_all=look_for_all, quota=self.quota)
                    written = True
                    if then is not None:
                        then(tx, done)
                    return done.verdicts
            except writer.UnknownNodes as exc:
                added.update(exc.nodes)
                with self._engine.writing() as tx:
                    writer.add_nodes(tx, [(node, None) for node in exc.nodes])
            except Unstorable:
                if not (look_for_all or written):
                    # Perhaps a program that does not know of `highest_n` has stored some of it: one that is older than
                    # this and still runs. `then` has not been done, and will be done once.
                    look_for_all = True
                    continue
                with self._engine.writing() as tx:
                    writer.remove_unheard(tx, added)
                raise

    def turn(self, name: str, monotonic: Callable[[], float]) -> LeaderLease:
        """The right to drive the alerts; of all subscribers of this database one at a time has it."""
        return LeaderLease(self._engine, name, monotonic)

    def prune(self, keep: timedelta, now: Millis) -> Iterator[int]:
        """Forgets what is older, up to an hour late; each item is one step of a few ms and how many rows it took.

        Samples on PostgreSQL go by the partition, up to an eighth of `keep` late.
        """
        return retention.prune(self._engine, keep=keep, now=now)

    def make_ready_for_past(self, keep: timedelta, now: Millis) -> None:
        """Once before `add_past`; a step of a few ms at a time, and nothing is forgotten by it."""
        retention.make_ready(self._engine, keep=keep, now=now)

    def add_past(self, samples: Mapping[NodeId, Sequence[Sample]]) -> dict[NodeId, past.ImportCounts]:
        """Stores what another program has measured, in one transaction; `past.introduce` says who the nodes are."""
        while True:
            try:
                with self._engine.writing() as tx:
                    return past.add(tx, samples)
            except writer.UnknownNodes as exc:
                # A subscriber that has not read of their enrolment yet may have taken them for forgotten ones.
                with self._engine.writing() as tx:
                    writer.add_nodes(tx, [(node, None) for node in exc.nodes])


def open_store(url: str, home: Home) -> Store:
    """The store behind `[database] url`, brought to this program's schema; an SQLite file is created where none is.

    Raises `StoreError`, one line, when it cannot be reached, is somebody else's, or is newer than this program.
    """
    engine = connect(url, home)
    migrate(engine, home.backups)
    engine.pin()
    return Store(engine)
