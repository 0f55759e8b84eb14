"""The workers behind an xmrig-proxy, of which it tells one by one: which have fallen silent. Pure."""

from collections.abc import Sequence
from typing import Any, Final

from msgspec import Struct, field

from publisher.sources.tolerance import UnreadableError, number_of

_NAMED_MOST: Final = 8
_DAY_MS: Final = 86_400_000.0
_TIMEOUT_MS: Final = 600_000.0
"""How long every worker may be silent, connected or not: one that reconnects is not told of."""
_TIMES: Final = 10
"""How many times the usual wait between two of its shares a worker may be silent; by chance one in 20,000 is."""
_HIGHEST: Final = 1e18
_PASSWORDS: Final = "password"


class Workers(Struct):
    """`GET /1/workers`. `mode` says what workers are called by."""

    workers: list[list[Any]] = field(default_factory=list)
    mode: str | None = None


class ProxyWorker(Struct, frozen=True):
    """One of them; `wait` is how long it usually takes from a share to the next, both in ms."""

    name: str
    connections: float
    last_share: float
    wait: float | None


def silence(told: Workers) -> str:
    """Who has sent shares within a day and sends none any more; "" where that is nobody.

    Ages count from the newest share of all, so no clock has to be right: where everybody is silent, the hashrate
    says so.
    """
    workers = [each for row in told.workers if (each := _worker(row, told.mode)) is not None]
    newest = max((each.last_share for each in workers), default=0.0)
    silent = [each for each in workers if _is_silent(each, newest - each.last_share)]
    if not silent:
        return ""
    names = ", ".join(each.name + ("" if each.connections else " (not connected)") for each in silent[:_NAMED_MOST])
    more = f" and {len(silent) - _NAMED_MOST} more" if len(silent) > _NAMED_MOST else ""
    return f"{len(silent)} of {len(workers)} workers silent: {names}{more}"


def _is_silent(worker: ProxyWorker, age: float) -> bool:
    if not _TIMEOUT_MS < age <= _DAY_MS:
        return False
    return not worker.connections or (worker.wait is not None and age > _TIMES * worker.wait)


def _worker(row: Sequence[Any], mode: str | None) -> ProxyWorker | None:
    """Of name, address, connections, accepted, rejected, invalid, hashes, the time of the last share, and kH/s over
    1 min, 10 min, 1 h, 12 h and 24 h; None for one that never sent a share, or of which that cannot be read.
    """
    connections, accepted, hashes, last, hour, half_day = (_number(row, at) for at in (2, 3, 6, 7, 10, 11))
    if connections is None or not last or not accepted:
        return None
    rate = max(hour or 0.0, half_day or 0.0)
    # kH/s are hashes a ms.
    wait = hashes / accepted / rate if hashes and rate else None
    # A password is nobody's business.
    name = row[1] if mode == _PASSWORDS else row[0]
    return ProxyWorker(" ".join(str(name).split())[:40] or str(row[1]), connections, last, wait)


def _number(row: Sequence[Any], at: int) -> float | None:
    value = row[at] if at < len(row) else None
    if isinstance(value, str):
        try:
            value = number_of(value)
        except UnreadableError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _HIGHEST:
        return None
    return float(value)
