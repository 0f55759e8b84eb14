"""The rules about work: peers, hashrate, shares. Pure."""

from subscriber.alerts.rule import MINUTE, RulePolicy
from subscriber.alerts.view import UNKNOWN, Finding, Holds, View, no, yes
from subscriber.alerts.words import duration, hashrate

SHARES_LEAST = 20
"""Fewer shares than this say nothing about a rate."""


def no_peers(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001 - the shape of every rule
    if view.fresh is None or view.fresh.peers is None:
        return UNKNOWN
    return no(f"{view.fresh.peers} peers") if view.fresh.peers else yes("0 peers")


def few_peers(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    # Of none at all another rule speaks.
    if view.fresh is None or not view.fresh.peers:
        return UNKNOWN
    least = policy.clear if is_open else policy.threshold
    evidence = f"{view.fresh.peers} peers"
    return yes(f"{evidence}, should be {policy.threshold:g}") if view.fresh.peers < least else no(evidence)


def no_hashrate(view: View, _policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    return no(hashrate(view.fresh.hashrate)) if view.fresh.hashrate else yes("0 H/s")


def low_hashrate(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or not view.fresh.hashrate or not view.usual:
        return UNKNOWN
    share = 100 * view.fresh.hashrate / view.usual
    evidence = f"{hashrate(view.fresh.hashrate)}, {share:.0f} % of its usual {hashrate(view.usual)}"
    return yes(evidence) if share < (policy.clear if is_open else policy.threshold) else no(evidence)


def hashrate_floor(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    floor = policy.clear if is_open else policy.threshold
    if view.fresh is None or view.fresh.hashrate is None:
        return UNKNOWN
    evidence = hashrate(view.fresh.hashrate)
    return yes(f"{evidence}, should be {hashrate(policy.threshold)}") if view.fresh.hashrate < floor else no(evidence)


def no_shares(view: View, policy: RulePolicy, _open: bool) -> Finding:  # noqa: FBT001
    """Against its own rhythm: with shares that come by chance, ten times the usual wait happens once in 22,000."""
    share_at, rhythm = view.trail.share_at, view.trail.rhythm
    if view.fresh is None or view.fresh.accepted is None or share_at is None or rhythm is None:
        return UNKNOWN
    patience = round(policy.threshold * rhythm)
    waited = view.now - share_at
    if waited > patience:
        evidence = f"no accepted share for {duration(waited)}, usually one every {duration(round(rhythm))}"
        return yes(evidence, share_at + patience)
    return no(f"last accepted share {duration(waited)} ago", check_at=share_at + patience + 1)


def rejected_shares(view: View, policy: RulePolicy, is_open: bool) -> Finding:  # noqa: FBT001
    if view.fresh is None or len(view.trail.shares) < 2:
        return UNKNOWN
    first, last = view.trail.shares[0], view.trail.shares[-1]
    accepted, rejected = last.accepted - first.accepted, last.rejected - first.rejected
    if accepted + rejected < SHARES_LEAST:
        return Finding(Holds.UNKNOWN, "too few shares to say")
    rate = 100 * rejected / (accepted + rejected)
    over = duration(max(last.at - first.at, MINUTE))
    evidence = f"{rate:.1f} % of {accepted + rejected} shares rejected or stale in {over}"
    return yes(evidence) if rate > (policy.clear if is_open else policy.threshold) else no(evidence)
