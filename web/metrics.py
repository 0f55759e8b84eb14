"""`/metrics`: the fleet for Prometheus, made anew only when something changed; figures of nodes that report now."""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from flask import Blueprint, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as TEXT
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from alerts.facts import ServerFacts
from alerts.rule import Severity
from alerts.status import NodeStatus
from rigwatch import __version__
from rigwatch.clock import Clock, Millis
from rigwatch.topics import parse_topic
from store import Store, incidents, reader, running
from store.running import Running
from web.access.sites import may_see, visible_sites
from web.node_metrics import node_metrics
from web.node_view import FleetView
from web.snapshot import Snapshot, Snapshots

_NODE: Final = ("site", "node")
_ALIVE_MS: Final = 10_000


class Metrics:
    """Answers scrapes. The part about nodes is kept until the snapshot changes: a scrape then costs under 1 ms."""

    def __init__(self, store: Store, snapshots: Snapshots, clock: Clock) -> None:
        self._store = store
        self._snapshots = snapshots
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[object, bytes] = (None, b"")

    def metrics(self) -> Response:
        snapshot = self._snapshots.lately(self._clock.now())
        since = self._clock.now() - _ALIVE_MS
        with self._store.read() as tx:
            server, counts = reader.server(tx), incidents.open_by_severity(tx, visible_sites())
            subscribers = list(running.alive(tx, since).values())
        body = self._of_nodes(snapshot) + _written(_ServerCollector(server, counts, subscribers)) + _PROCESS()
        return Response(body, content_type=TEXT)

    def _of_nodes(self, snapshot: Snapshot) -> bytes:
        with self._lock:
            version, text = self._kept
            if version != snapshot.version:
                text = _written(_FleetCollector(snapshot.fleet)) + node_metrics(snapshot.fleet.views).encode()
                self._kept = (snapshot.version, text)
            return text


class _FleetCollector(Collector):
    """What is known of all nodes together at one moment."""

    def __init__(self, fleet: FleetView) -> None:
        self._fleet = fleet

    def collect(self) -> Iterable[Metric]:
        fleet = self._fleet
        yield _labelled(
            "nodes", "Nodes by status.", "status", {each: fleet.by_status.get(each, 0) for each in NodeStatus}
        )
        yield _plain("reporting_nodes", "Nodes whose figures are of now.", fleet.counted)
        if fleet.hashrate is not None:
            yield _plain(
                "hashes_per_second",
                "Hashrate of all nodes that report now, while they mine one algorithm.",
                fleet.hashrate,
            )
        yield _algorithms(fleet)
        if fleet.highest_block is not None:
            yield _plain("block_height", "The highest block of a node that reports now.", fleet.highest_block)


class _ServerCollector(Collector):
    """The subscriber's sign of life, and what is open."""

    def __init__(self, server: ServerFacts, counts: dict[Severity, int], subscribers: Sequence[Running]) -> None:
        self._server = server
        self._counts = counts
        self._subscribers = subscribers

    def collect(self) -> Iterable[Metric]:
        server = self._server
        yield _plain("subscriber_connected", "1 while the subscriber has a broker.", server.connected_at is not None)
        if server.beat_at is not None:
            beat = "When the subscriber last gave a sign of life; it does every 2 s."
            yield _plain("subscriber_heartbeat_timestamp_seconds", beat, _seconds(server.beat_at))
        counts = {each: self._counts.get(each, 0) for each in Severity}
        yield _labelled("open_incidents", "Incidents that count now, a group as one.", "severity", counts)
        wrong = any(each.problem for each in self._subscribers)
        yield _plain("settings_not_taken_over", "1 while server.toml is wrong, so that what was before counts.", wrong)
        yield self._unstorable()
        info = GaugeMetricFamily("rigwatch_build_info", "The dashboard's version.", labels=("version",))
        info.add_metric((__version__,), 1)
        yield info

    def _unstorable(self) -> Metric:
        metric = CounterMetricFamily(
            "rigwatch_node_messages_unstorable", "Messages that the database could not hold.", labels=_NODE
        )
        # Of several subscribers each may have had the same message.
        counts: Counter[tuple[str, str]] = Counter()
        for each in self._subscribers:
            for topic, count in each.unstorable.items():
                node, _ = parse_topic(topic)
                if not may_see(node.site):
                    continue
                counts[node.site, node.node] += count
        for name, total in counts.items():
            metric.add_metric(name, total)
        return metric


def create(store: Store, snapshots: Snapshots, clock: Clock) -> Blueprint:
    blueprint = Blueprint("metrics", __name__)
    blueprint.add_url_rule("/metrics", "metrics", Metrics(store, snapshots, clock).metrics)
    return blueprint


def _algorithms(fleet: FleetView) -> Metric:
    text = "Hashrate for one algorithm of all nodes that report now."
    metric = GaugeMetricFamily("rigwatch_algorithm_hashes_per_second", text, labels=("algorithm",))
    for each in fleet.rates.by_algorithm:
        metric.add_metric((each.algorithm,), each.hashrate)
    return metric


def _plain(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"rigwatch_{name}", text, value=value)


def _labelled(name: str, text: str, label: str, values: dict[NodeStatus, int] | dict[Severity, int]) -> Metric:
    metric = GaugeMetricFamily(f"rigwatch_{name}", text, labels=(label,))
    for key, value in values.items():
        metric.add_metric((key.value,), value)
    return metric


def _written(collector: Collector) -> bytes:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(collector)
    return generate_latest(registry)


def _own_process() -> Callable[[], bytes]:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    return lambda: generate_latest(registry)


_PROCESS: Final = _own_process()
"""Memory, processor and open files of the dashboard's own process, where the system tells."""


def _seconds(millis: Millis) -> float:
    return millis / 1000
