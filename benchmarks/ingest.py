"""Reports stored a second, end to end: nodes, a broker, the subscriber, a database; beside what others keep.

`python -m benchmarks.ingest [--short] [--only embedded,mosquitto] [--write]`. Reports of one sample, sealed beforehand,
QoS 1; each node keeps a few unacked and sends the next at the subscriber's ack, which comes after the commit. The
generator shares the machine.
"""

import argparse
import json
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any

from benchmarks import rival_loggers
from benchmarks.brokers import Measured, mosquitto, ours
from benchmarks.generator import Failed, generating, line, say
from benchmarks.subscribers import Database, cpu, postgres, sqlite, subscribing
from benchmarks.tables import replace_between, table
from rigwatch.topics import NodeId, TopicLevel, topic_of

BROKERS: dict[str, Callable[[], AbstractContextManager[Measured]]] = {
    "embedded": lambda: ours(plain_only=True),
    "mosquitto": mosquitto,
}
DATABASES: dict[str, Callable[[], AbstractContextManager[Database]]] = {"sqlite": sqlite, "postgres": postgres}
HEAD = (
    "broker", "database", "nodes x window", "reports/s", "p50 ms", "p99 ms", "acked", "stored once",
    "CPU µs a report: subscriber", "broker", "database", "generator", "subscriber MB, peak",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Size:
    """`loads`: nodes, the reports each may have unacked, and the reports each sends."""

    loads: tuple[tuple[int, int, int], ...]
    rivals: int


LONG = Size(((1000, 4, 150), (4000, 1, 40)), 20_000)
SHORT = Size(((4000, 1, 10),), 3_000)


def main() -> None:
    options = _options()
    size = SHORT if options.short else LONG
    rows = []
    for broker in options.brokers.split(","):
        for database in options.databases.split(","):
            for nodes, window, count in size.loads:
                rows.append(_row(broker, database, (nodes, window, count)))
                print(rows[-1], file=sys.stderr, flush=True)
    parts = [table(HEAD, rows)]
    if not options.alone:
        parts.append(rival_loggers.measured(size.rivals))
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        replace_between("ingest", text)


def _row(broker_name: str, database_name: str, load: tuple[int, int, int]) -> tuple[object, ...]:
    nodes, window, count = load
    with ExitStack() as stack:
        broker = stack.enter_context(BROKERS[broker_name]())
        database = stack.enter_context(DATABASES[database_name]())
        subscriber = stack.enter_context(subscribing(broker, database))
        order = {"do": "reports", "port": broker.port, "nodes": logins(broker, nodes), "window": window, "count": count}
        process = stack.enter_context(generating("report_load", order))
        try:
            line(process)
            before = cpu(subscriber.process), broker.cpu(), database.cpu()
            say(process)
            answer: dict[str, Any] = json.loads(line(process))
        except Failed as failed:
            return broker_name, database.name, f"{nodes} x {window}", str(failed)
        used = cpu(subscriber.process), broker.cpu(), database.cpu()
        stored = database.samples(subscriber.home)
        spent = [1e6 * (after - first) / answer["acked"] for after, first in zip(used, before, strict=True)]
        return (
            broker_name, database.name, f"{nodes} x {window}", f"{answer['acked'] / answer['seconds']:,.0f}",
            round(answer["p50"] * 1000), round(answer["p99"] * 1000), f"{answer['acked']:,} of {answer['sent']:,}",
            f"{stored:,}", *(round(each) for each in spent), round(1e6 * answer["cpu"] / answer["acked"]),
            round(subscriber.peak() / 2**20),
        )  # fmt: skip


def logins(broker: Measured, count: int) -> list[dict[str, Any]]:
    """What each of so many nodes needs to connect and to seal."""
    found = []
    for number in range(count):
        node = NodeId("bench", f"rig{number:05}")
        key = broker.master.node_key(node)
        found.append({
            "user": str(node), "client_id": str(node), "password": key.mqtt_password, "key": key.encoded,
            "topic": topic_of(node, TopicLevel.REPORT), "filter": topic_of(node, TopicLevel.ACK),
            "status": topic_of(node, TopicLevel.STATUS),
        })  # fmt: skip
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--short", action="store_true", help="a look instead of a record")
    parser.add_argument("--brokers", default=",".join(BROKERS))
    parser.add_argument("--databases", default=",".join(DATABASES))
    parser.add_argument("--alone", action="store_true", help="without the other programs")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
