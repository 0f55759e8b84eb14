"""The little chart of a node's last day in its row: inline SVG, drawn once in a while."""

import threading
from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from rigwatch.clock import Millis
from rigwatch.topics import NodeId
from store import Store, series

HOURS: Final = 24
_FRESH: Final[Millis] = 10 * 60_000
_NEVER: Final = (-_FRESH, None)
_KEPT: Final = 20_000
# 23 steps of 3 are as wide as the box below.
_STEP: Final = 3
_HEIGHT: Final = 16
_SVG: Final = Markup('<svg class="spark" viewBox="-1 0 71 16" aria-hidden="true"><path d="{}"/></svg>')


class Sparks:
    """What the running hour adds is seen within ten minutes; drawing a page of nodes anew takes about 5 ms."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._drawn: dict[NodeId, tuple[Millis, Markup | None]] = {}

    def of(self, nodes: Sequence[NodeId], now: Millis) -> Mapping[NodeId, Markup]:
        """Nodes without a figure in the last day have none."""
        with self._lock:
            if len(self._drawn) > _KEPT:
                self._drawn = {}
            missing = [node for node in nodes if not 0 <= now - self._drawn.get(node, _NEVER)[0] < _FRESH]
            if missing:
                with self._store.read() as tx:
                    rates = series.by_hour(tx, missing, HOURS, now)
                self._drawn |= {node: (now, spark(rates[node]) if node in rates else None) for node in missing}
            return {node: drawn for node in nodes if (drawn := self._drawn[node][1]) is not None}


def spark(rates: Sequence[float | None]) -> Markup:
    """A line from 0 to the highest, an hour a step; hours without a figure are left open, one alone is a dot."""
    highest = max((rate for rate in rates if rate is not None), default=0)
    path, before = "", None
    for at, rate in enumerate(rates):
        if rate is None:
            before = None
            continue
        y = _HEIGHT - 1 - round(rate / highest * (_HEIGHT - 2)) if highest else _HEIGHT - 1
        path += f"M{at * _STEP} {y}h0" if before is None else f"l{_STEP} {y - before}"
        before = y
    return _SVG.format(path)
