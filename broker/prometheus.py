"""The broker's counters for Prometheus, on a loopback port of their own. Reads integers; changes nothing."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from broker.counters import Counters
from rigwatch.errors import RigwatchError

_HOST: Final = "127.0.0.1"
_GAUGES: Final = {
    "connections": "Sockets open now, logged in or not.",
    "clients": "Clients logged in now.",
    "sessions": "Sessions kept now, of clients that are here and of those that may come back.",
    "subscriptions": "Subscriptions now.",
    "retained": "Retained messages now.",
}
_TOTALS: Final = {
    "accepted": "Sockets accepted.",
    "logins": "Logins that succeeded.",
    "messages_received": "Messages that clients published.",
    "messages_sent": "Messages sent to clients, repetitions included.",
    "bytes_received": "Bytes read from clients.",
    "bytes_sent": "Bytes written to clients.",
    "wills_sent": "Wills published for clients that went without a goodbye.",
}
_BY_REASON: Final = {
    "dropped": ("messages_dropped", "Messages that somebody should have had."),
    "refused": ("logins_refused", "Logins and subscriptions that were refused."),
    "turned_away": ("connections_turned_away", "Sockets closed before a login."),
    "closed": ("clients_closed", "Clients that went, by how."),
}


class CounterCollector(Collector):
    """Makes metrics of the counters at each scrape."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters

    def collect(self) -> Iterable[Metric]:
        yield from _plain(GaugeMetricFamily, _GAUGES, self._counters)
        yield from _plain(CounterMetricFamily, _TOTALS, self._counters)
        for field, (name, text) in _BY_REASON.items():
            metric = CounterMetricFamily(f"rigwatch_broker_{name}", text, labels=["reason"])
            for reason, count in list(getattr(self._counters, field).items()):
                metric.add_metric([reason], count)
            yield metric


def _plain(
    kind: Callable[..., CounterMetricFamily | GaugeMetricFamily], texts: dict[str, str], counters: Counters
) -> Iterator[Metric]:
    for field, text in texts.items():
        yield kind(f"rigwatch_broker_{field}", text, value=getattr(counters, field))


@contextmanager
def metrics_served(counters: Counters, port: int) -> Iterator[None]:
    """Answers on the port in a thread of its own; port 0: not at all. Raises `RigwatchError` when it is taken."""
    if not port:
        yield
        return
    registry = CollectorRegistry()
    registry.register(CounterCollector(counters))
    try:
        server, thread = start_http_server(port, addr=_HOST, registry=registry)
    except OSError as exc:
        raise RigwatchError(
            f"cannot listen on {_HOST} port {port}: {exc.strerror or exc}; choose another for [broker] metrics_port "
            "in server.toml"
        ) from exc
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
