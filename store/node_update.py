"""A node while a batch changes it: what was stored of it, what the messages make of that, and its facts afterwards."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
from msgspec import Struct

from alerts.facts import NodeFacts
from alerts.ingest import CLOCK_TOLERANCE, CorrectedSample, NodeSession, ReceivedMessage, ReportTaken, StatusTaken
from alerts.quota import DayUse
from rigwatch.clock import Millis, as_interval
from rigwatch.messages import NodeState, Sample, Status
from rigwatch.topics import NodeId
from store.carried import NodeTail
from store.reader import merged, node_id, words
from store.texts import storable
from store.transaction import Row, Transaction


class _NodeRow(NamedTuple):
    """A node as it is stored, before a batch: what changes with it, and what else its facts hold."""

    id: int
    site: str
    node: str
    session: int
    state: str | None
    state_at: Millis | None
    interval: Millis
    reason: str
    first_seen_at: Millis | None
    last_report_at: Millis | None
    clock_offset: int | None
    latest: str | None
    latest_at: Millis | None
    highest_n: int
    born_at: Millis | None
    other_session: int
    generation: int
    tail_at: Millis | None
    tail_rate: float | None
    tail_until: Millis | None
    stray: Millis
    day: int
    day_samples: int
    day_bytes: int
    day_refused: int
    name: str
    host: str
    version: str
    tags: str
    sources: str
    given_name: str | None
    given_tags: str | None
    enrolled_at: Millis | None
    contested_at: Millis | None
    contest: str
    retired_at: Millis | None


_LOAD = f"""
SELECT {", ".join(f"n.{name}" for name in _NodeRow._fields)}
FROM {{names}} k CROSS JOIN node n WHERE n.site = k.a AND n.node = k.b ORDER BY n.id{{lock}}
"""  # noqa: S608 - constants
_json = msgspec.json.Encoder()
_latest = msgspec.json.Decoder(Sample)


class NodeUpdate(Struct):
    """A node's row while a batch changes it."""

    row: _NodeRow
    known: NodeSession
    reason: str
    first_seen_at: Millis | None
    last_report_at: Millis | None
    clock_offset: int | None
    latest: str | None
    latest_at: Millis
    highest: int
    tail: NodeTail
    today: DayUse
    identity: Status | None = None
    contested: tuple[Millis, str] | None = None
    touched: bool = False
    changes: list[Row] = []
    sample: Sample | None = None

    @property
    def id(self) -> int:
        return self.row.id

    def latest_sample(self) -> Sample | None:
        if self.sample is None and self.latest is not None:
            self.sample = _latest.decode(self.latest)
        return self.sample

    def take(self, heard: ReceivedMessage, verdict: StatusTaken | ReportTaken) -> None:
        """The facts of a message; its samples follow once it is known which of them are new."""
        self.touched = True
        if verdict.known.state is not self.known.state or verdict.known.session != self.known.session:
            self.reason = storable(heard.body.reason) if isinstance(heard.body, Status) else ""
            self._note(verdict.known)
        elif verdict.known.interval != self.known.interval:
            # Its reports came first, or through another subscriber, and it was this birth that was to say so.
            self._note(verdict.known)
        self.known = verdict.known
        self.tail.interval, self.tail.since = verdict.known.interval, verdict.known.state_at
        if heard.contest is not None:
            self.contested = heard.received_at, storable(heard.contest.evidence)
        if self.first_seen_at is None:
            self.first_seen_at = heard.received_at
        if isinstance(verdict, StatusTaken) and verdict.identity and isinstance(heard.body, Status):
            self.identity = heard.body

    def _note(self, known: NodeSession) -> None:
        if known.state is not None:
            self.changes.append((self.id, known.state_at, known.state.value, self.reason, known.interval))

    def take_new(self, timed: CorrectedSample, received_at: Millis, clock_offset: int) -> None:
        """A sample nobody had before. History says nothing of the node's present, a sample twice nothing at all."""
        self.clock_offset = clock_offset
        if not timed.live:
            return
        self.last_report_at = received_at
        # A latest sample of the future was taken before the server's own clock was set back.
        if timed.at >= self.latest_at or self.latest_at > received_at + CLOCK_TOLERANCE:
            self.latest_at = timed.at
            self.sample = msgspec.structs.replace(timed.sample, at=timed.at)
            self.latest = _json.encode(self.sample).decode()


def load(tx: Transaction, nodes: Iterable[NodeId]) -> dict[NodeId, NodeUpdate]:
    """Those that have a row; until the transaction ends nobody else changes it."""
    names = _json.encode([(node.site, node.node) for node in nodes]).decode()
    return {node_id(row.site, row.node): _update(row) for row in tx.typed(_NodeRow, _LOAD, (names,))}


def facts_of(update: NodeUpdate) -> NodeFacts | None:
    """As the node is stored with the batch; None of one that is retired, which nobody watches."""
    row, known, born = update.row, update.known, update.identity
    if row.retired_at is not None:
        return None
    contested_at, contest = update.contested or (row.contested_at, row.contest)
    return NodeFacts(
        id=node_id(row.site, row.node),
        name=row.name if born is None else storable(born.name),
        host=row.host if born is None else storable(born.host),
        version=row.version if born is None else storable(born.version),
        tags=merged(words(row.tags) if born is None else born.tags, row.given_tags),
        sources=words(row.sources) if born is None else born.sources,
        interval=as_interval(known.interval),
        state=known.state,
        state_at=known.state_at,
        reason=update.reason,
        session=known.session,
        enrolled_at=row.enrolled_at,
        first_seen_at=update.first_seen_at,
        last_report_at=update.last_report_at,
        clock_offset=update.clock_offset,
        sample=update.latest_sample(),
        given=row.given_name or "",
        born_at=known.born_at,
        today=update.today,
        contested_at=contested_at,
        contest=contest,
    )


def _update(row: _NodeRow) -> NodeUpdate:
    known = NodeSession(
        row.session,
        None if row.state is None else NodeState(row.state),
        row.state_at,
        row.interval,
        born_at=row.born_at,
        other_session=row.other_session,
        generation=row.generation,
    )
    latest_at = row.latest_at or 0
    return NodeUpdate(
        row=row,
        known=known,
        reason=row.reason,
        first_seen_at=row.first_seen_at,
        last_report_at=row.last_report_at,
        clock_offset=row.clock_offset,
        latest=row.latest,
        latest_at=latest_at,
        highest=row.highest_n,
        tail=NodeTail(
            row.tail_at,
            row.tail_rate,
            row.tail_until or 0,
            row.stray,
            known.interval,
            known.state_at,
            stored_at=latest_at,
        ),
        today=DayUse(row.day, row.day_samples, row.day_bytes, row.day_refused),
    )
