# ruff: noqa: FBT001 - the shape of every rule
"""The rules about work: peers, hashrate, shares. Pure."""

from collections.abc import Iterator

from alerts.check import UNKNOWN, CheckContext, CheckResult, Holds, either, no, yes
from alerts.pace import rates
from alerts.rule import MINUTE, RulePolicy
from alerts.words import duration, hashrate

SHARES_LEAST = 20
"""Fewer shares than this say nothing about a rate."""


def no_peers(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    if view.fresh is None or view.fresh.peers is None:
        return UNKNOWN
    peers = view.fresh.peers
    return either(not peers, lambda: f"{peers} peers")


def few_peers(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    # Of none at all another rule speaks.
    if view.fresh is None or not view.fresh.peers:
        return UNKNOWN
    peers, least = view.fresh.peers, policy.clear if is_open else policy.threshold
    return yes(f"{peers} peers, should be {policy.threshold:g}") if peers < least else no(lambda: f"{peers} peers")


def no_hashrate(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    rate = view.fresh.hashrate
    return either(not rate, lambda: hashrate(rate))


def low_hashrate(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    """Like with like: each algorithm with what the node usually makes of it."""
    known = [(rate / baseline, rate, baseline, name) for name, rate, baseline in _compared(view)]
    if not known:
        return UNKNOWN
    share, rate, baseline, name = min(known)
    words = f" for {name}" if len(view.history.paces) > 1 else ""
    return either(
        100 * share < (policy.clear if is_open else policy.threshold),
        lambda: f"{hashrate(rate)}, {100 * share:.0f} % of its usual {hashrate(baseline)}{words}",
    )


def _compared(view: CheckContext) -> Iterator[tuple[str, float, float]]:
    """Each algorithm's rate of now beside its usual one; a rate of 0 is another rule's."""
    sample = view.fresh
    if sample is None:
        return
    baseline = {pace.algorithm: pace.baseline for pace in view.history.paces}
    if view.baseline and len(baseline) <= 1:
        # It never did anything else, so that all its past is alike.
        baseline = dict.fromkeys(baseline or ("",), view.baseline)
    told = rates(sample) or ([] if sample.hashrate is None else [("", sample.hashrate)])
    for name, rate in told:
        if rate and (likely := baseline.get(name)):
            yield name, rate, likely


def hashrate_floor(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    rate, floor = view.fresh.hashrate, policy.clear if is_open else policy.threshold
    if rate < floor:
        return yes(f"{hashrate(rate)}, should be {hashrate(policy.threshold)}")
    return no(lambda: hashrate(rate))


def no_shares(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    """Against its own rhythm, as far as that is known: see `rhythm`."""
    history, share_at = view.history, view.history.share_at
    if view.fresh is None or view.fresh.accepted is None or share_at is None:
        return UNKNOWN
    if is_open and not history.shared:
        return CheckResult(Holds.UNKNOWN, "the miner was started anew, and has no share yet")
    timeout = history.waits.timeout(policy.threshold)
    waited = view.now - share_at
    if waited > timeout:
        known = f"{history.waits.count:.0f} share{'' if history.waits.count == 1 else 's'}"
        baseline = f"usually one every {duration(round(history.waits.baseline))} (by {known})"
        return yes(f"no accepted share for {duration(waited)}, {baseline}", share_at + timeout)
    return no(lambda: f"last accepted share {duration(waited)} ago", check_at=share_at + timeout + 1)


def rejected_shares(view: CheckContext, policy: RulePolicy, is_open: bool) -> CheckResult:
    if view.fresh is None or len(view.history.shares) < 2:
        return UNKNOWN
    first, last = view.history.shares[0], view.history.shares[-1]
    accepted, rejected = last.accepted - first.accepted, last.rejected - first.rejected
    count = accepted + rejected
    if count < SHARES_LEAST:
        return CheckResult(Holds.UNKNOWN, "too few shares to say")
    rate, over = 100 * rejected / count, max(last.at - first.at, MINUTE)
    return either(
        rate > (policy.clear if is_open else policy.threshold),
        lambda: f"{rate:.1f} % of {count} shares rejected or stale in {duration(over)}",
    )
