"""All rules of nodes in one table: the name, and the function that looks. Pure."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from alerts import blocks, boards, machine, mining, presence
from alerts.check import CheckContext, CheckResult
from alerts.rule import Rule, RulePolicy

Look: TypeAlias = Callable[[CheckContext, RulePolicy, bool], CheckResult]
"""`True` while the rule's incident is open: then `clear` is the border, else `threshold`."""

LOOKS: dict[Rule, Look] = {
    Rule.LOST: presence.lost,
    Rule.SILENT: presence.silent,
    Rule.OFFLINE: presence.offline,
    Rule.NO_PEERS: mining.no_peers,
    Rule.FEW_PEERS: mining.few_peers,
    Rule.NO_HASHRATE: mining.no_hashrate,
    Rule.LOW_HASHRATE: mining.low_hashrate,
    Rule.HASHRATE_FLOOR: mining.hashrate_floor,
    Rule.BLOCK_LAG: blocks.block_lag,
    Rule.BLOCK_AHEAD: blocks.block_ahead,
    Rule.BLOCK_STALLED: blocks.block_stalled,
    Rule.FORK: blocks.fork,
    Rule.SOURCE_FAILING: machine.source_failing,
    Rule.NO_SHARES: mining.no_shares,
    Rule.REJECTED_SHARES: mining.rejected_shares,
    Rule.GPU_MISSING: machine.gpu_missing,
    Rule.BOARD_MISSING: boards.board_missing,
    Rule.CHIPS_MISSING: boards.chips_missing,
    Rule.HOT: machine.hot,
    Rule.COLD: machine.cold,
    Rule.CLOCK_OFF: machine.clock_off,
    Rule.SAMPLES_LOST: machine.samples_lost,
    Rule.QUOTA: machine.quota,
    Rule.TWO_PUBLISHERS: presence.two_publishers,
}


def enabled(policies: Mapping[Rule, RulePolicy]) -> tuple[tuple[Rule, Look, RulePolicy], ...]:
    """What is looked at under these policies."""
    return tuple((rule, look, policies[rule]) for rule, look in LOOKS.items() if policies[rule].enabled)
