# ruff: noqa: FBT001 - the shape of every rule
"""The rules about being there: lost, silent, said goodbye. Pure."""

from collections.abc import Callable

from alerts.check import UNKNOWN, CheckContext, CheckResult, Holds, moot, no, yes
from alerts.facts import KEY_ENDED, NodeFacts
from alerts.rule import MINUTE, SECOND, RulePolicy
from alerts.status import NodeStatus, is_broker_down
from alerts.words import duration
from rigwatch.clock import Millis, in_millis
from rigwatch.messages import NodeState

RETAINED_WITHIN = 5 * SECOND
"""A will that comes so soon after our own connect was most likely kept by the broker from before."""


CONTESTED_FOR = 10 * MINUTE
"""After so long without a second publisher there is none."""

BROKER_NOTICED = 25 * SECOND
"""When the broker hangs, nobody reports. Our own keep-alive has found that by then (20 s at most), and tells it as one
incident; a node that reports every few seconds must not be blamed for it before."""


def lost(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    facts = view.facts
    if facts.state is None or is_broker_down(view.server, view.now):
        return UNKNOWN
    if facts.state is NodeState.OFFLINE:
        return moot("it said goodbye")
    if facts.state is not NodeState.LOST:
        return no(_state(facts.state))
    came_at, connected_at = facts.state_at or 0, view.server.connected_at or 0
    if came_at < connected_at + RETAINED_WITHIN and not _came_back(view):
        # What happened while nobody watched: the node may be on its way back, as everything that lost the broker is.
        until = connected_at + view.grace
        if view.now < until and not _open:
            return CheckResult(Holds.UNKNOWN, "it has time to come back after our own absence", check_at=until)
    if facts.reason == KEY_ENDED:
        hint = f"'rigwatch enroll {facts.id.node} --site {facts.id.site}' prints its new token"
        return yes(f"{KEY_ENDED}: it was rotated, and the node has not got the new one; {hint}", came_at)
    return yes(f"{facts.reason or 'its connection broke'}{_last_report(view, came_at)}", came_at)


def silent(view: CheckContext, policy: RulePolicy, _open: bool) -> CheckResult:
    facts = view.facts
    if facts.state is not NodeState.ONLINE or is_broker_down(view.server, view.now):
        return moot(_state(facts.state)()) if facts.state and facts.state is not NodeState.ONLINE else UNKNOWN
    connected_at, reported_at = view.server.connected_at or 0, facts.last_report_at or 0
    heard_at = max(reported_at, facts.state_at or 0, connected_at)
    timeout = max(BROKER_NOTICED, int(policy.threshold * in_millis(facts.interval)))
    # What was connected to a broker that went away needs as long as a lost node to come back to the next one.
    returns_until = connected_at + view.grace if heard_at == connected_at and not _open else 0
    due = max(heard_at + timeout, returns_until)
    if view.now > due:
        interval = duration(in_millis(facts.interval))
        return yes(f"connected, but no report for {duration(view.now - heard_at)}, should be one every {interval}", due)
    return no("it reports", check_at=due + 1)


def offline(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    facts = view.facts
    if facts.state is None or view.status is NodeStatus.UNKNOWN:
        return UNKNOWN
    if facts.state is NodeState.LOST:
        return moot(_state(facts.state)())
    if facts.state is not NodeState.OFFLINE:
        return no(_state(facts.state))
    if view.status is NodeStatus.MAINTENANCE:
        return no("it said goodbye in its maintenance")
    why = f" ({facts.reason})" if facts.reason else ""
    return yes(f"it said goodbye{why}, and nobody announced maintenance", facts.state_at)


def two_publishers(view: CheckContext, _policy: RulePolicy, _open: bool) -> CheckResult:
    facts = view.facts
    if facts.contested_at is None or not is_contested(facts, view.now):
        return no("one publisher uses its key")
    return CheckResult(Holds.YES, facts.contest, check_at=facts.contested_at + CONTESTED_FOR)


def is_contested(facts: NodeFacts, now: Millis) -> bool:
    """Whether it was published from two places within the last minutes; the two take turns of a minute or so."""
    return facts.contested_at is not None and now < facts.contested_at + CONTESTED_FOR


def _came_back(view: CheckContext) -> bool:
    """Whether it has been born since we listen: its time to come back ended with that, and a death after it is news."""
    connected_at = view.server.connected_at
    return connected_at is not None and view.facts.born_at is not None and view.facts.born_at >= connected_at


def _state(state: NodeState) -> Callable[[], str]:
    return lambda: f"it is {state.value}"


def _last_report(view: CheckContext, gone_at: Millis) -> str:
    at = view.facts.last_report_at
    return "" if at is None else f", {duration(max(gone_at - at, 0))} after its last report"
