"""What the pages are made from, read from the store at most once per change, and until when it holds."""

import contextlib
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from werkzeug.exceptions import NotFound

from alerts.facts import Average, MinuteTotal, ServerFacts
from alerts.rule import Severity
from alerts.silence import at_work
from alerts.status import is_broker_down
from rigwatch.clock import Millis, in_millis
from rigwatch.errors import StoreError
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId
from store import Store, incidents, reader, series, silences, site_series
from store.node_cache import NodeCache
from store.transaction import Transaction
from web.access.sites import visible_sites
from web.incidents.context import by_id
from web.incidents.firing import trouble
from web.incidents.rows import IncidentContext
from web.language.texts import gettext as _
from web.node_view import FleetView, NodeView, fleet_at, fleet_of, is_running, next_change_at
from web.read_ahead import ReadAhead
from web.row import DisplaySettings
from web.trouble import Trouble, by_node
from web.zone import Zone

MINUTES: Final = 10
"""How many minutes the totals go back."""

_HOUR: Final[Millis] = 3_600_000
_AROUND: Final[Millis] = 5 * 60_000

PAUSE: Final[Millis] = 200
"""Between two readings for those who only poll: with many nodes something changes all the time."""

LARGE: Final = 2000
"""Nodes of which a fleet has so many that nobody waits until all of them are looked at."""
LATE: Final[Millis] = 5_000
"""How old what is shown of such a fleet may be, some moments of reading besides."""
_SITES_KEPT: Final = 64

Version: TypeAlias = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the overview shows, at one moment. Two with the same `version` show the same but for ages in words.

    `hour_ago` is each node's hashrate then, in H/s, of those that counted; `incidents` counts those that are open,
    a group as one; `troubles` are they themselves, groups and their members.
    """

    version: Version
    fleet: FleetView
    server: ServerFacts
    averages: "LazyAverages"
    totals: Sequence[MinuteTotal]
    hour_ago: Mapping[NodeId, float]
    incidents: Mapping[Severity, int]
    troubles: Sequence[Trouble]
    valid_until: Millis

    def of(self, sites: frozenset[str], totals: Sequence[MinuteTotal]) -> "Snapshot":
        """What is of these sites, whose `totals` are not in here; `averages` are asked for nodes in view alone."""
        troubles = [each for each in self.troubles if each.subject.site in sites]
        groups = {each.number for each in troubles}
        return replace(
            self,
            version=(*self.version, tuple(sorted(sites))),
            fleet=fleet_of(self.fleet, sites),
            totals=totals,
            hour_ago={node: rate for node, rate in self.hour_ago.items() if node.site in sites},
            incidents=Counter(each.severity for each in troubles if each.parent not in groups),
            troubles=troubles,
        )

    def view(self, node: NodeId) -> NodeView:
        """Raises `NotFound` for a node that is not there."""
        for each in self.fleet.views:
            if each.facts.id == node:
                return each
        raise NotFound(
            _("There is no node %(node)s: it was retired, has another name by now, or was never enrolled.", node=node)
        )


class LazyAverages:
    """Over all that is kept, read when they are asked for: nobody needs those of every node on every page.

    They may be some moments newer than the snapshot.
    """

    def __init__(self, store: Store, since: Millis) -> None:
        self._store = store
        self._since = since
        self._every: Mapping[NodeId, Average] | None = None

    def every(self) -> Mapping[NodeId, Average]:
        """Nodes without a sample are left out; 4 µs a node, once a snapshot."""
        if self._every is None:
            with self._store.read() as tx:
                self._every = reader.averages(tx, self._since)
        return self._every

    def of(self, nodes: Sequence[NodeId]) -> Mapping[NodeId, Average]:
        if self._every is not None:
            return self._every
        with self._store.read() as tx:
            return reader.averages_of(tx, nodes, self._since)


class Snapshots:
    """Keeps the latest snapshot and reads a new one when the store has changed or time alone changes what is shown.

    With 1,000 nodes asking costs 0.1 ms (0.5 ms on PostgreSQL), reading anew about 8 ms; with 10,000 about 60 ms.
    """

    def __init__(self, settings: ServerSettings, store: Store, zone: Zone, ahead: ReadAhead) -> None:
        colours = settings.web.colours
        self._store = store
        self._ahead = ahead
        self._keep = in_millis(settings.database.keep)
        self._borders = (in_millis(colours.age_green), in_millis(colours.age_yellow))
        self._look = DisplaySettings(colours, zone)
        self._lock = threading.Lock()
        self._latest: Snapshot | None = None
        self._looked: tuple[int | None, tuple[int, ...], ServerFacts] | None = None
        self._nodes = NodeCache()
        self._hour_ago: tuple[Millis, Mapping[NodeId, float]] = (-1, {})
        self._narrowing = threading.Lock()
        self._of_sites: dict[frozenset[str], Snapshot] = {}

    def lately(self, now: Millis) -> Snapshot:
        """As `at`, or up to `PAUSE` older: for whoever asks again soon, so that viewers cost the same however many."""
        return self.at(now, pause=PAUSE)

    def at(self, now: Millis, *, pause: Millis = 0) -> Snapshot:
        """What the viewer of this request may see. Raises `StoreError`. Several requests at once wait for one reading
        instead of each doing its own.

        Of `LARGE` fleets it may be up to `LATE` old: while it is read anew, nobody waits for that.
        """
        sites, whole = visible_sites(), self._whole(now, pause)
        return whole if sites is None else self._narrowed(whole, sites, now)

    def _narrowed(self, whole: Snapshot, sites: frozenset[str], now: Millis) -> Snapshot:
        """Made once for a reading, however many of these viewers ask."""
        with self._narrowing:
            kept = self._of_sites.get(sites)
            if kept is None or kept.version[:-1] != whole.version:
                if len(self._of_sites) >= _SITES_KEPT:
                    self._of_sites.clear()
                with self._store.read() as tx:
                    totals = site_series.totals(tx, sites, MINUTES, now)
                kept = self._of_sites[sites] = whole.of(sites, totals)
            return kept

    def _whole(self, now: Millis, pause: Millis) -> Snapshot:
        latest = self._latest
        # Either may be later: who waited for the lock asks for a moment before that reading.
        if latest and len(latest.fleet.views) >= LARGE and abs(now - latest.fleet.now) < LATE:
            if abs(now - latest.fleet.now) >= PAUSE:
                self._read_ahead(now)
            return latest
        with self._lock:
            # The same moment is read anew, if something has changed in it.
            if self._latest and 0 < abs(now - self._latest.fleet.now) < pause:
                return self._latest
            return self._fresh(now)

    def _read_ahead(self, now: Millis) -> None:
        """In a thread of its own, one at a time. What goes wrong there goes wrong for whoever asks next."""

        def read() -> None:
            try:
                with contextlib.suppress(StoreError):
                    self._fresh(now)
            finally:
                self._lock.release()

        if self._lock.acquire(blocking=False) and not self._ahead.start(read):
            self._lock.release()

    def _fresh(self, now: Millis) -> Snapshot:
        seen, server = self._look_at_store(now)
        latest = self._latest
        if latest is None or latest.version[:-1] != seen or not latest.fleet.now <= now < latest.valid_until:
            latest = self._latest = self._read(now, seen, server)
        return latest

    def _look_at_store(self, now: Millis) -> tuple[Version, ServerFacts]:
        """What differs when anything but time has changed; read before the rest, so that what changes meanwhile makes
        the next look differ."""
        revision = self._store.revision()
        if revision is None or self._looked is None or self._looked[0] != revision:
            with self._store.read() as tx:
                server = reader.server(tx)
                self._looked = revision, reader.stamp(tx), server
        _, stamp, server = self._looked
        # The heartbeat moves every 2 s; when it was is only shown once it has ended.
        beat = None if is_running(server, now) else server.beat_at
        return (stamp, server.connected_at, is_broker_down(server, now), beat), server

    def _read(self, now: Millis, seen: Version, server: ServerFacts) -> Snapshot:
        with self._store.read() as tx:
            nodes, quiet, counting = self._nodes.nodes(tx), silences.running(tx, now), incidents.counting(tx)
            counts, hour_ago = incidents.open_by_severity(tx), self._rates_of_an_hour_ago(tx, now)
            totals = reader.totals(tx, MINUTES, now)
        row_context = IncidentContext(self._look, by_id(nodes), quiet, now)
        troubles = [trouble(each, row_context) for each in counting]
        is_maintained = at_work(quiet, now, self._look.zone.tz)
        before = self._latest.fleet if self._latest else None
        fleet = fleet_at(
            nodes,
            server,
            now,
            is_maintained=is_maintained,
            troubles=by_node(troubles),
            borders=self._borders,
            before=before,
        )
        return Snapshot(
            version=(*seen, now),
            fleet=fleet,
            server=server,
            averages=LazyAverages(self._store, now - self._keep),
            totals=totals,
            hour_ago=hour_ago,
            incidents=counts,
            troubles=troubles,
            valid_until=next_change_at(fleet),
        )

    def _rates_of_an_hour_ago(self, tx: Transaction, now: Millis) -> Mapping[NodeId, float]:
        minute, rates = self._hour_ago
        if minute != now // 60_000:
            rates = series.rates_around(tx, now - _HOUR, _AROUND)
            self._hour_ago = now // 60_000, rates
        return rates
