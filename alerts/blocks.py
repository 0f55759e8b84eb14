# ruff: noqa: FBT001 - the shape of every rule
"""The rules about the chain: lag, standstill, fork, and who is alone in front; each against the fleet. Pure."""

from collections.abc import Callable

from alerts.check import UNKNOWN, CheckContext, CheckResult, either, no, yes
from alerts.fleet import APART, Chain
from alerts.rule import MINUTE, RulePolicy
from alerts.words import duration


def block_lag(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    highest, sample = view.chain.highest, view.fresh
    if sample is None or sample.block is None or highest is None or view.chain.nodes < 2:
        return UNKNOWN
    block, syncing, lag = sample.block, sample.syncing, max(highest - sample.block, 0)
    return either(
        # Closed at `clear` blocks, open from `threshold`.
        lag > policy.clear if is_open else lag >= policy.threshold,
        lambda: f"block {block}, {lag} behind the fleet's {highest}{' (syncing)' if syncing else ''}",
    )


def block_ahead(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    """Alone in front, and not because the others have not reported lately: what it had some minutes ago counts."""
    sample, chain, earlier = view.fresh, view.chain, view.history.earlier
    others = chain.others(view.facts)
    if sample is None or sample.block is None or others is None:
        return UNKNOWN
    block, lead = sample.block, sample.block - others
    if lead <= APART:
        # Of two, the other one lags.
        told = chain.hosts > 2 and earlier is not None and earlier[0] <= chain.heard_at
        lead = min(lead, earlier[1] - others) if told and earlier is not None else 0
    if lead > policy.clear if is_open else lead >= policy.threshold:
        wrong = "one of the two is wrong" if chain.hosts == 2 else "it is wrong, or all others are"
        return yes(f"block {block}, {block - others} ahead of the {others} of everybody else: {wrong}")
    return no(lambda: f"block {block}, others have {others}")


def block_stalled(view: CheckContext, policy: RulePolicy, _open: bool) -> CheckResult:
    history, chain = view.history, view.chain
    if view.fresh is None or view.fresh.block is None or history.block_at is None or _says_nothing(chain):
        return UNKNOWN
    # With no block for anybody it is the chain, or the whole site, that stands still.
    block = view.fresh.block
    if chain.highest is None or chain.moved_at is None or chain.highest <= block:
        return no(lambda: f"block {block}, the fleet's highest")
    timeout = round(policy.threshold * MINUTE)
    waited = view.now - history.block_at
    if waited > timeout and chain.moved_at > history.block_at:
        evidence = f"at block {block} for {duration(waited)}; the fleet is at {chain.highest}"
        return yes(evidence, history.block_at + timeout)
    # Once the time is over, only a block of somebody else changes the answer.
    return no(lambda: f"block {block}", check_at=history.block_at + timeout + 1 if waited <= timeout else None)


def fork(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    """Compared at the newest height that others have as well. Where one half of the hosts says this and one half that,
    both may be wrong, so both are named."""
    if view.fresh is None or not view.history.blocks:
        return UNKNOWN
    for height, own in sorted(view.history.blocks, reverse=True):
        votes = view.chain.hashes.get(height)
        if votes is None or sum(len(nodes) for nodes in votes.values()) < 2:
            continue
        agreed = votes.get(own, [])
        others = {block_hash: nodes for block_hash, nodes in votes.items() if block_hash != own}
        against = {voter for nodes in others.values() for voter in nodes}
        if against and len(against) >= len(set(agreed)):
            other = max(others, key=lambda block_hash: len(others[block_hash]))
            count = sum(len(nodes) for nodes in others.values())
            return yes(f"at block {height} it has {_short(own)}, {count} other nodes have {_short(other)}")
        return no(_same(height, len(agreed)))
    return UNKNOWN


def _says_nothing(chain: Chain) -> bool:
    return chain.nodes < 2 or chain.highest is None


def _same(height: int, nodes: int) -> Callable[[], str]:
    return lambda: f"block {height} is the same for {nodes} nodes"


def _short(block_hash: str) -> str:
    return block_hash[:12]
