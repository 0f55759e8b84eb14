"""The fleet's minutes as docs/dashboard.md promises them, reckoned one by one from all that was said: slow, plain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rigwatch.clock import Millis
from rigwatch.messages import NodeState

MINUTE: Millis = 60_000
INTERVALS = 3


@dataclass(frozen=True, slots=True)
class Taken:
    """A sample: `rate` in thousandths of H/s."""

    at: Millis
    n: int
    rate: float | None


@dataclass(frozen=True, slots=True)
class Came:
    """From `at` on the node was so, and reported every so many ms."""

    at: Millis
    state: NodeState
    interval: Millis | None


@dataclass(frozen=True, slots=True)
class Said:
    """All that a node has said. `interval` is what it has had where nothing else is known."""

    samples: Sequence[Taken]
    changes: Sequence[Came]
    interval: Millis = MINUTE


def fleet(nodes: Iterable[Said], now: Millis, *, ends: bool = True) -> dict[int, tuple[float, int]]:
    """Each minute in which any node counts, up to `now`: the sum of their figures, and how many they are.

    Without `ends`, what a node counts for after its last sample is left out.
    """
    found: dict[int, tuple[float, int]] = {}
    for node in nodes:
        samples = sorted(node.samples, key=lambda each: (each.at, each.n))
        if not samples:
            continue
        last = now if ends else samples[-1].at
        for minute in range(samples[0].at // MINUTE, last // MINUTE + 1):
            figure = _figure(node, samples, minute)
            if figure is not None:
                rate, count = found.get(minute, (0, 0))
                found[minute] = rate + figure, count + 1
    return found


def _figure(node: Said, samples: Sequence[Taken], minute: int) -> float | None:
    begin = minute * MINUTE
    own = [each for each in samples if begin <= each.at < begin + MINUTE]
    if own:
        rates = [each.rate for each in own if each.rate is not None]
        return round(sum(rates) / len(rates)) if rates else None
    before = [each for each in samples if each.at < begin]
    after = [each for each in samples if each.at >= begin]
    if not before or before[-1].rate is None:
        return None
    last = before[-1]
    fresh = last.at + INTERVALS * _interval(node, last.at)
    went = [each.at for each in node.changes if each.state is not NodeState.ONLINE and each.at > last.at]
    if after and after[0].at <= fresh:
        until = fresh
    elif after:
        until = min([fresh, *went[:1]])
    else:
        now = node.changes[-1] if node.changes else None
        until = fresh if now is None or now.state is NodeState.ONLINE else min(fresh, now.at)
    return last.rate if begin < until else None


def _interval(node: Said, at: Millis) -> Millis:
    known = [each for each in node.changes if each.at <= at] or list(node.changes[:1])
    return (known[-1].interval if known else None) or node.interval
