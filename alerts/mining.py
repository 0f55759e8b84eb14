"""The rules about work: peers, hashrate, shares. Pure."""

from collections.abc import Iterator

from alerts.pace import rates
from alerts.rule import MINUTE, RulePolicy
from alerts.view import UNKNOWN, Finding, Holds, View, either, no, yes
from alerts.words import duration, hashrate

SHARES_LEAST = 20
"""Fewer shares than this say nothing about a rate."""


def no_peers(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001 - the shape of every rule
    if view.fresh is None or view.fresh.peers is None:
        return UNKNOWN
    peers = view.fresh.peers
    return either(not peers, lambda: f"{peers} peers")


def few_peers(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    # Of none at all another rule speaks.
    if view.fresh is None or not view.fresh.peers:
        return UNKNOWN
    peers, least = view.fresh.peers, policy.clear if is_open else policy.threshold
    return yes(f"{peers} peers, should be {policy.threshold:g}") if peers < least else no(lambda: f"{peers} peers")


def no_hashrate(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    rate = view.fresh.hashrate
    return either(not rate, lambda: hashrate(rate))


def low_hashrate(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    """Like with like: each algorithm with what the node usually makes of it."""
    known = [(rate / usual, rate, usual, name) for name, rate, usual in _compared(view)]
    if not known:
        return UNKNOWN
    share, rate, usual, name = min(known)
    words = f" for {name}" if len(view.trail.paces) > 1 else ""
    return either(
        100 * share < (policy.clear if is_open else policy.threshold),
        lambda: f"{hashrate(rate)}, {100 * share:.0f} % of its usual {hashrate(usual)}{words}",
    )


def _compared(view: View) -> Iterator[tuple[str, float, float]]:
    """Each algorithm's rate of now beside its usual one; a rate of 0 is another rule's."""
    sample = view.fresh
    if sample is None:
        return
    usual = {pace.algorithm: pace.usual for pace in view.trail.paces}
    if view.usual and len(usual) <= 1:
        # It never did anything else, so that all its past is alike.
        usual = dict.fromkeys(usual or ("",), view.usual)
    told = rates(sample) or ([] if sample.hashrate is None else [("", sample.hashrate)])
    for name, rate in told:
        if rate and (likely := usual.get(name)):
            yield name, rate, likely


def hashrate_floor(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    rate, floor = view.fresh.hashrate, policy.clear if is_open else policy.threshold
    if rate < floor:
        return yes(f"{hashrate(rate)}, should be {hashrate(policy.threshold)}")
    return no(lambda: hashrate(rate))


def no_shares(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    """Against its own rhythm, as far as that is known: see `rhythm`."""
    trail, share_at = view.trail, view.trail.share_at
    if view.fresh is None or view.fresh.accepted is None or share_at is None:
        return UNKNOWN
    if is_open and not trail.shared:
        return Finding(Holds.UNKNOWN, "the miner was started anew, and has no share yet")
    patience = trail.waits.patience(policy.threshold)
    waited = view.now - share_at
    if waited > patience:
        known = f"{trail.waits.count:.0f} share{'' if trail.waits.count == 1 else 's'}"
        usual = f"usually one every {duration(round(trail.waits.usual))} (by {known})"
        return yes(f"no accepted share for {duration(waited)}, {usual}", share_at + patience)
    return no(lambda: f"last accepted share {duration(waited)} ago", check_at=share_at + patience + 1)


def rejected_shares(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or len(view.trail.shares) < 2:
        return UNKNOWN
    first, last = view.trail.shares[0], view.trail.shares[-1]
    accepted, rejected = last.accepted - first.accepted, last.rejected - first.rejected
    count = accepted + rejected
    if count < SHARES_LEAST:
        return Finding(Holds.UNKNOWN, "too few shares to say")
    rate, over = 100 * rejected / count, max(last.at - first.at, MINUTE)
    return either(
        rate > (policy.clear if is_open else policy.threshold),
        lambda: f"{rate:.1f} % of {count} shares rejected or stale in {duration(over)}",
    )
