"""Says of what came through a channel whether every death was told, and who was called dead and lived. Pure."""

import re
from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from tests.webhook import Delivery

EXCUSED_S: Final = 60.0
"""For so long after a fault its nodes may be called lost: they try again after 20 s at most, and a message may wait."""
_NAME: Final = re.compile(r"\b(?:rig|doomed)\d+\b")
_GONE: Final = re.compile(r"\b(?:lost|silent)\b")
_OVER: Final = ("OK:", "CLOSED:", "STABLE:")


@dataclass(slots=True)
class Death:
    """When it died, and when what could keep it from being told was over, by `time.time()`."""

    name: str
    at: float
    freed_at: float = 0.0
    told_at: float | None = None


@dataclass(frozen=True, slots=True)
class Excuse:
    """Nodes that were really away, or that somebody else spoke for, between two moments."""

    nodes: AbstractSet[str]
    since: float
    until: float


def hear(deaths: Iterable[Death], deliveries: Iterable[Delivery]) -> None:
    """Notes when each death was first told by a message that the channel took."""
    heard = [(each, called_gone(each)) for each in deliveries if each.well]
    for death in deaths:
        times = [each.at for each, names in heard if death.name in names and each.at >= death.at]
        death.told_at = min(times, default=None)


def untold(deaths: Iterable[Death]) -> list[str]:
    return [f"{death.name}: its death was never told" for death in deaths if death.told_at is None]


def false_alerts(deliveries: Iterable[Delivery], deaths: Iterable[Death], excuses: Iterable[Excuse]) -> Iterator[str]:
    """Messages that call nodes lost or silent which were there all the time."""
    died = {death.name: death.at for death in deaths}
    excuses = list(excuses)
    for each in deliveries:
        wrong = {name for name in called_gone(each) if not _is_gone(name, each.at, died, excuses)}
        if wrong:
            evidence = " ".join(str(each.body.get("message", "")).split())
            yield f"false alert on {', '.join(sorted(wrong)[:3])}: {each.title} ({evidence[:300]})"


def called_gone(each: Delivery) -> set[str]:
    """The nodes that a message calls lost or silent, now."""
    lines = f"{each.title}\n{each.body.get('message', '')}".splitlines()
    if each.title.startswith(_OVER) or not any(_GONE.search(line) for line in lines):
        return set()
    return {name for line in lines if not line.startswith(_OVER) for name in _NAME.findall(line)}


def _is_gone(name: str, at: float, died: dict[str, float], excuses: list[Excuse]) -> bool:
    if name.startswith("doomed"):
        # One whose connection ended with the broker does not come back, and died of that.
        return name not in died or at >= died[name]
    return any(name in each.nodes and each.since <= at <= each.until + EXCUSED_S for each in excuses)
