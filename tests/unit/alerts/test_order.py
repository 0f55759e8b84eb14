"""Messages of one node that reach several subscribers, and so the store, in any order: the outcome is the same."""

from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from alerts.ingest import NodeSession, Rejected, judge
from rigwatch.messages import NodeState, Report, Sample, Status
from tests.rigs import birth, goodbye, report, rig, will

Said: TypeAlias = list[Status | Report]

messages: st.SearchStrategy[Status | Report] = st.integers(1, 4).flatmap(
    lambda session: st.sampled_from(
        [birth(session), will(session), goodbye(session), report(Sample(n=session, at=session), session=session)]
    )
)


def outcome(said: Said) -> tuple[int, NodeState | None]:
    """Session and state after all of it."""
    known = NodeSession()
    for body in said:
        verdict = judge(rig().heard(body), known)
        if not isinstance(verdict, Rejected):
            known = verdict.known
    return known.session, known.state


@given(st.lists(messages, max_size=10).flatmap(lambda said: st.tuples(st.just(said), st.permutations(said))))
def test_session_and_state_do_not_depend_on_the_order(
    said: tuple[list[Status | Report], list[Status | Report]],
) -> None:
    as_sent, as_received = said
    assert outcome(as_sent) == outcome(as_received)
