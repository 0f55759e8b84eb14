"""The broker beside amqtt as it comes and Mosquitto, in MQTT 3.1.1: throughput, delay, CPU, memory, connects, pings,
wills.

`python -m benchmarks.broker [--short] [--only rigwatch] [--write]`. Generator and broker share the machine; ratios
within one run are what to trust.
"""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.brokers import Measured, mosquitto, ours, stock
from benchmarks.generator import Failed, generating, line, say
from benchmarks.tables import replace_between, table
from rigwatch.topics import NodeId, TopicLevel, topic_of

Start = Callable[[], AbstractContextManager[Measured]]
BROKERS: dict[str, Start] = {
    "rigwatch": ours,
    "rigwatch without uvloop": lambda: ours(uvloop=False),
    "amqtt": stock,
    "mosquitto": mosquitto,
}


@dataclass(frozen=True, slots=True)
class Size:
    """How much of everything; `short` is for a look, not for the record."""

    floods: tuple[tuple[int, int], ...]
    crowds: tuple[int, ...]
    killed: int
    ping_seconds: float


LONG = Size(((100, 600), (1000, 60), (3000, 20)), (3000, 10_000), 3000, 20.0)
SHORT = Size(((100, 100), (1000, 10)), (1000,), 1000, 4.0)
RUNS = 3
"""Floods of a cell, of which the median counts; amqtt gets one."""
# amqtt is given less to do, or a run would take an hour; figures are per message and per client.
STOCK_CLIENTS = 3000
STOCK_MESSAGES = 15_000
STOCK_MESSAGES_BUSY = 2_000


def main() -> None:
    options = _options()
    size = SHORT if options.short else LONG
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    names = options.only.split(",") if options.only else list(BROKERS)
    parts = [
        _floods(names, size),
        _connects(names, size),
        _wills(names, size),
    ]
    text = "\n\n".join(parts)
    print(text)
    if options.write:
        replace_between("broker", text)


def _floods(names: list[str], size: Size) -> str:
    rows = []
    for publishers, count in size.floods:
        for busy in (False, True):
            for name in names:
                rows.append(_flood_row(name, publishers, count, busy=busy))
                print(rows[-1], file=sys.stderr, flush=True)
    head = ("publishers", "beside", "broker", "delivered/s", "p50 ms", "p99 ms", "CPU µs a message")
    intro = f"QoS 1, 300 bytes, each publisher waits for its acknowledgement; medians of {RUNS} runs, of amqtt one:\n\n"
    return intro + table(head, rows)


def _flood_row(name: str, publishers: int, count: int, *, busy: bool) -> tuple[object, ...]:
    beside = "1000 ack subscriptions, 1000 retained" if busy else "nothing"
    if name == "amqtt":
        count = max(1, min(count, (STOCK_MESSAGES_BUSY if busy else STOCK_MESSAGES) // publishers))
    with ExitStack() as stack:
        broker = stack.enter_context(BROKERS[name]())
        try:
            if busy:
                nodes = _nodes(broker, 1000, "b")
                stack.enter_context(_crowd(broker, nodes, subscribe=True))
                _retain(broker, len(nodes))
            answers = [flood(broker, publishers, count) for _ in range(1 if name == "amqtt" else RUNS)]
        except Failed as failed:
            return publishers, beside, name, str(failed), "", "", ""
    return (
        publishers, beside, name,
        round(median(each["delivered"] / each["seconds"] for each in answers)),
        round(median(each["p50"] for each in answers) * 1000, 1),
        round(median(each["p99"] for each in answers) * 1000, 1),
        round(median(each["cpu"] / each["delivered"] for each in answers) * 1e6),
    )  # fmt: skip


def flood(broker: Measured, publishers: int, count: int, *, version: int = 4) -> dict[str, Any]:
    """`version` is the number in a CONNECT; `cpu` in the answer is seconds that the broker computed."""
    order = {
        "do": "flood", "port": broker.port, "version": version, "count": count, "filter": "rigwatch/v1/+/+/report",
        "publishers": _nodes(broker, publishers, "p"), "subscriber": _service(broker),
    }  # fmt: skip
    with generating("mqtt_load", order) as process:
        line(process)
        before = broker.cpu()
        say(process)
        answer: dict[str, Any] = json.loads(line(process))
        answer["cpu"] = broker.cpu() - before
        return answer


def _connects(names: list[str], size: Size) -> str:
    rows = []
    for count in size.crowds:
        for secure in (False, True):
            for name in names:
                if name == "amqtt" and count > STOCK_CLIENTS:
                    continue
                rows.append(_connect_row(name, count, size.ping_seconds, secure=secure))
                print(rows[-1], file=sys.stderr, flush=True)
    head = ("clients", "over", "broker", "connected in s", "CPU µs a connect", "KB a connection", "pings: % of a core")
    return "Clients that stay, a ping each in 10 s:\n\n" + table(head, rows)


def _connect_row(name: str, count: int, ping_seconds: float, *, secure: bool) -> tuple[object, ...]:
    with BROKERS[name]() as broker:
        memory, before = broker.memory(), broker.cpu()
        nodes = _nodes(broker, count, "c")
        with _crowd(broker, nodes, secure=secure, ping_every=10) as answer:
            connect_cpu, memory = broker.cpu() - before, broker.memory() - memory
            before, began = broker.cpu(), time.perf_counter()
            time.sleep(ping_seconds)
            pings = (broker.cpu() - before) / (time.perf_counter() - began)
    return (
        count, "TLS" if secure else "plain", name, round(answer["seconds"], 2), round(connect_cpu / count * 1e6),
        round(memory / count / 1024, 1), round(pings * 100, 1),
    )  # fmt: skip


def _wills(names: list[str], size: Size) -> str:
    rows = []
    for name in names:
        rows.append(_will_row(name, size.killed))
        print(rows[-1], file=sys.stderr, flush=True)
    head = ("clients killed", "broker", "all wills delivered in s", "all back in s")
    return "A site's uplink fails, and comes back:\n\n" + table(head, rows)


def _will_row(name: str, count: int) -> tuple[object, ...]:
    with BROKERS[name]() as broker:
        nodes = _nodes(broker, count, "w", wills=True)
        order = {"do": "wills", "port": broker.port, "count": count, "subscriber": _service(broker)}
        with generating("mqtt_load", {**order, "filter": "rigwatch/v1/+/+/status"}) as watcher:
            line(watcher)
            with _crowd(broker, nodes):
                say(watcher)
            killed = time.time()
            wills = json.loads(line(watcher))["at"] - killed
        with _crowd(broker, nodes, at_once=1000) as back:
            return count, name, round(wills, 2), round(back["seconds"], 2)


def _nodes(broker: Measured, count: int, prefix: str, *, wills: bool = False) -> list[dict[str, Any]]:
    found = []
    for number in range(count):
        node = NodeId("bench", f"{prefix}{number}")
        login = {
            "user": str(node), "client_id": str(node), "password": broker.master.node_key(node).mqtt_password,
            "topic": topic_of(node, TopicLevel.REPORT), "filter": topic_of(node, TopicLevel.ACK),
            "status": topic_of(node, TopicLevel.STATUS),
        }  # fmt: skip
        found.append(login | ({"will": login["status"]} if wills else {}))
    return found


def _service(broker: Measured) -> dict[str, Any]:
    return {
        "user": "subscriber", "client_id": "subscriber", "password": broker.master.service_password("subscriber")
    }  # fmt: skip


def _retain(broker: Measured, count: int) -> None:
    order = {"do": "retain", "port": broker.port, "clients": _nodes(broker, count, "r")}
    with generating("mqtt_load", order) as process:
        line(process)


@contextmanager
def _crowd(
    broker: Measured, nodes: list[dict[str, Any]], *, secure: bool = False, **more: object
) -> Iterator[dict[str, Any]]:
    """Clients in a process of their own, which is killed at the end."""
    order = {"do": "crowd", "port": broker.tls_port if secure else broker.port, "clients": nodes, **more}
    if secure:
        order["ca"] = broker.ca
    with generating("mqtt_load", order) as process:
        yield json.loads(line(process))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a look in two minutes")
    parser.add_argument("--only", default="", help="comma-separated names of brokers")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
