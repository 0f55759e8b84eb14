"""What a message costs the broker in MQTT 3.1.1 and in 5, beside Mosquitto.

`python -m benchmarks.versions [--short] [--write]`. The versions take turns, flood by flood, on brokers that stay up:
what else the machine does falls on both, and the last column is what to trust.
"""

import argparse
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from statistics import median
from typing import Any

from benchmarks.broker import flood
from benchmarks.brokers import Measured, mosquitto, ours
from benchmarks.tables import replace_between, table

VERSIONS = {4: "3.1.1", 5: "5"}
"""By the number in a CONNECT."""
FLOODS = ((100, 60), (1000, 6))
"""Publishers, and messages of each. Short, and many of them: a machine is never busy with the same for long."""
ROUNDS = 21
LEAST_ROUNDS = 5
SECONDS = 50.0
"""For the rounds of one size; a busy machine does fewer."""


def main() -> None:
    options = _options()
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    rows: list[tuple[object, ...]] = []
    rounds: list[int] = []
    with ours() as rigwatch, mosquitto() as other:
        for publishers, count in FLOODS[:1] if options.short else FLOODS:
            answers = _rounds([rigwatch, other], publishers, count)
            rounds.append(min(len(each) for each in answers.values()))
            rows += _rows(publishers, answers)
    head = ("publishers", "broker", "MQTT", "delivered/s", "p50 ms", "p99 ms", "CPU µs a message", "of 3.1.1")
    turns = " and ".join(str(each) for each in rounds)
    text = f"QoS 1, 300 bytes, also to the subscriber; medians of {turns} floods in turn:\n\n{table(head, rows)}"
    print(text)
    if options.write:
        replace_between("versions", text)


def _rounds(brokers: list[Measured], publishers: int, count: int) -> dict[tuple[str, int], list[dict[str, Any]]]:
    answers: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    turns = [(broker, version) for broker in brokers for version in VERSIONS]
    began = time.monotonic()
    for number in range(ROUNDS):
        if number >= LEAST_ROUNDS and time.monotonic() - began > SECONDS:
            break
        first = number % len(turns)
        for broker, version in turns[first:] + turns[:first]:
            answers[broker.name, version].append(flood(broker, publishers, count, version=version))
        print(f"{publishers} publishers, round {number + 1}", file=sys.stderr, flush=True)
    return answers


def _rows(publishers: int, answers: dict[tuple[str, int], list[dict[str, Any]]]) -> Iterable[tuple[object, ...]]:
    """In the order of names and versions; the last column compares one broker with itself."""
    for name, version in sorted(answers, reverse=True, key=lambda each: (each[0], -each[1])):
        found, plain = answers[name, version], answers[name, 4]
        yield (
            publishers, name, VERSIONS[version],
            round(median(each["delivered"] / each["seconds"] for each in found)),
            round(median(each["p50"] for each in found) * 1000, 1),
            round(median(each["p99"] for each in found) * 1000, 1),
            round(_cost(found), 1), round(_cost(found) / _cost(plain), 2),
        )  # fmt: skip


def _cost(floods: list[dict[str, Any]]) -> float:
    """CPU µs a message."""
    return float(median(each["cpu"] / each["delivered"] for each in floods)) * 1e6


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--short", action="store_true", help="a look in half a minute")
    parser.add_argument("--write", action="store_true", help="put the table into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
