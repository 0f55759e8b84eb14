"""How good each figure of a node is: by the settings' borders, and by the incidents that are about it. Pure."""

from collections.abc import Iterable, Mapping
from typing import Final

from alerts.rule import Rule, Severity
from rigwatch.settings import WebColours
from web.colours import Level, hashrate_level, lag_level, peers_level, temperature_level, worse
from web.node_view import NodeView
from web.trouble import Trouble

_ABOUT: Final[Mapping[Rule, str]] = {
    Rule.NO_HASHRATE: "hashrate",
    Rule.LOW_HASHRATE: "hashrate",
    Rule.HASHRATE_FLOOR: "hashrate",
    Rule.NO_PEERS: "peers",
    Rule.FEW_PEERS: "peers",
    Rule.BLOCK_LAG: "block",
    Rule.BLOCK_AHEAD: "block",
    Rule.BLOCK_STALLED: "block",
    Rule.FORK: "block",
    Rule.HOT: "temperature",
    Rule.COLD: "temperature",
    Rule.NO_SHARES: "accepted",
    Rule.REJECTED_SHARES: "accepted",
    Rule.GPU_MISSING: "gpus",
    Rule.BOARD_MISSING: "boards",
    Rule.CHIPS_MISSING: "boards",
}
"""Which figure of a sample shows what a rule is about."""

_AS_BAD_AS: Final[Mapping[Severity, Level]] = {
    Severity.INFO: Level.YELLOW,
    Severity.WARNING: Level.ORANGE,
    Severity.CRITICAL: Level.RED,
}


def levels(each: NodeView, colours: WebColours) -> dict[str, Level]:
    """By the figure's name; empty for a node whose figures are not of now, and without what is not judged."""
    sample = each.facts.sample
    if sample is None or not each.counted:
        return {}
    found = {
        "hashrate": hashrate_level(sample.hashrate, colours),
        "peers": peers_level(sample.peers, colours),
        "block": lag_level(each.lag, colours),
        "temperature": temperature_level(sample.temperature, colours),
    }
    return _raised(found, each.troubles) if each.troubles else found


def _raised(found: dict[str, Level], troubles: Iterable[Trouble]) -> dict[str, Level]:
    for trouble in troubles:
        if name := _ABOUT.get(trouble.rule):
            found[name] = worse(found.get(name, Level.NONE), _AS_BAD_AS[trouble.severity])
    return found
