"""What the feed shows, as it stands in the store. Nothing is decided here."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from alerts.facts import NodeFacts, ServerFacts
from alerts.incident import Incident
from alerts.node_history import CardHistory
from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store import Store, alerts, incidents, nodes, reader
from store.transaction import Transaction

CARDS_AGE: Millis = 60_000
"""How old the list of remembered cards may be; new ones are seen in the samples at once."""


@dataclass(frozen=True, slots=True)
class FeedFacts:
    """`incidents` are those that count now, `cards` those that are remembered of a node, `origins` as which nodes were
    first known where that is not their name."""

    server: ServerFacts
    nodes: Sequence[NodeFacts] = ()
    incidents: Sequence[Incident] = ()
    cards: Mapping[NodeId, Sequence[CardHistory]] = field(default_factory=dict)
    origins: Mapping[NodeId, str] = field(default_factory=dict)


class FeedReader:
    """Looks again only where something has changed: with 1000 nodes 20 ms, else 0.3. For several threads."""

    def __init__(self) -> None:
        self._stamp: tuple[int, ...] = ()
        self._seen = FeedFacts(ServerFacts())
        self._cards_at: Millis | None = None
        self._one_at_a_time = threading.Lock()

    def look(self, store: Store, now: Millis) -> FeedFacts:
        with self._one_at_a_time, store.read() as tx:
            stamp = reader.stamp(tx)
            if stamp != self._stamp:
                stale = self._cards_at is None or not 0 <= now - self._cards_at < CARDS_AGE
                self._seen = self._all(tx, with_cards=stale)
                self._stamp = stamp
                self._cards_at = now if stale else self._cards_at
            server = reader.server(tx)
            if server != self._seen.server:
                self._seen = _at(self._seen, server)
            return self._seen

    def _all(self, tx: Transaction, *, with_cards: bool) -> FeedFacts:
        return FeedFacts(
            server=self._seen.server,
            nodes=reader.nodes(tx),
            incidents=incidents.counting(tx),
            cards=alerts.cards(tx) if with_cards else self._seen.cards,
            origins=nodes.origins(tx),
        )


def _at(seen: FeedFacts, server: ServerFacts) -> FeedFacts:
    return FeedFacts(server, seen.nodes, seen.incidents, seen.cards, seen.origins)
