"""The rules about the chain: lag, standstill, fork; each against the fleet. Pure."""

from collections.abc import Callable

from subscriber.alerts.rule import MINUTE, RulePolicy
from subscriber.alerts.view import UNKNOWN, Finding, View, either, no, yes
from subscriber.alerts.words import duration


def block_lag(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001 - the shape of every rule
    highest, sample = view.chain.highest, view.fresh
    if sample is None or sample.block is None or highest is None or view.chain.nodes < 2:
        return UNKNOWN
    block, syncing, lag = sample.block, sample.syncing, max(highest - sample.block, 0)
    return either(
        # Closed at `clear` blocks, open from `threshold`.
        lag > policy.clear if is_open else lag >= policy.threshold,
        lambda: f"block {block}, {lag} behind the fleet's {highest}{' (syncing)' if syncing else ''}",
    )


def block_stalled(view: View, policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    trail, chain = view.trail, view.chain
    if view.fresh is None or view.fresh.block is None or trail.block_at is None or chain.nodes < 2:
        return UNKNOWN
    # With no block for anybody it is the chain, or the whole site, that stands still.
    block = view.fresh.block
    if chain.highest is None or chain.moved_at is None or chain.highest <= block:
        return no(lambda: f"block {block}, the fleet's highest")
    patience = round(policy.threshold * MINUTE)
    waited = view.now - trail.block_at
    if waited > patience and chain.moved_at > trail.block_at:
        evidence = f"at block {block} for {duration(waited)}; the fleet is at {chain.highest}"
        return yes(evidence, trail.block_at + patience)
    return no(lambda: f"block {block}", check_at=trail.block_at + patience + 1)


def fork(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    """Compared at the newest height that others have as well. Where one half says this and one half that, both may
    be wrong, so both are named."""
    if view.fresh is None or not view.trail.blocks:
        return UNKNOWN
    for height, own in sorted(view.trail.blocks, reverse=True):
        votes = view.chain.hashes.get(height)
        if votes is None or votes.total() < 2:
            continue
        agreed, others = votes[own], votes.total() - votes[own]
        if others >= agreed and others:
            other = next(each for each, _ in votes.most_common() if each != own)
            evidence = f"at block {height} it has {_short(own)}, {others} other nodes have {_short(other)}"
            return yes(evidence)
        return no(_same(height, agreed))
    return UNKNOWN


def _same(height: int, nodes: int) -> Callable[[], str]:
    return lambda: f"block {height} is the same for {nodes} nodes"


def _short(block_hash: str) -> str:
    return block_hash[:12]
