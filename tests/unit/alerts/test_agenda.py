"""What is due when, however often its plan moves."""

from hypothesis import given
from hypothesis import strategies as st

from alerts.agenda import Agenda

THINGS = st.integers(0, 4)
TIMES = st.integers(0, 50)


class Plain:
    """The same promise without a heap: every plan is looked at each time."""

    def __init__(self) -> None:
        self.ready: set[int] = set()
        self.planned: dict[int, int] = {}

    def due(self, now: int) -> list[int]:
        ripe = {thing for thing, at in self.planned.items() if at <= now}
        for thing in ripe:
            del self.planned[thing]
        taken, self.ready = self.ready | ripe, set()
        return sorted(taken)

    def next_at(self) -> int | None:
        return 0 if self.ready else min(self.planned.values(), default=None)


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("plan"), THINGS, TIMES),
            st.tuples(st.just("add"), THINGS, TIMES),
            st.tuples(st.just("forget"), THINGS, TIMES),
            st.tuples(st.just("due"), THINGS, TIMES),
        ),
        max_size=60,
    )
)
def test_it_is_due_at_its_last_plan_and_at_no_other(steps: list[tuple[str, int, int]]) -> None:
    agenda, plain = Agenda[int](), Plain()
    for what, thing, at in steps:
        if what == "plan":
            agenda.plan(thing, at)
            plain.planned[thing] = at
        elif what == "add":
            agenda.add(thing)
            plain.ready.add(thing)
        elif what == "forget":
            agenda.forget(thing)
            plain.ready.discard(thing)
            plain.planned.pop(thing, None)
        else:
            assert agenda.due(at) == plain.due(at)
        assert agenda.next_at == plain.next_at()


def test_a_plan_that_moves_on_with_every_report_takes_no_room() -> None:
    agenda = Agenda[int]()
    for at in range(1000, 5000):
        agenda.plan(1, at)
    assert len(agenda._heap) == 1
    assert agenda.due(4998) == []
    assert agenda.due(4999) == [1]


def test_what_has_no_order_of_its_own_is_planned_for_one_moment_all_the_same() -> None:
    agenda = Agenda[complex]()
    agenda.plan(1j, 5)
    agenda.plan(2j, 5)
    assert agenda.next_at == 5
    assert agenda.ready() == set()


def test_a_plan_for_the_same_moment_takes_no_room() -> None:
    agenda = Agenda[int]()
    for _ in range(10):
        agenda.plan(1, 5)
    assert len(agenda._heap) == 1


def test_what_is_ready_is_due_at_once() -> None:
    agenda = Agenda[int]()
    agenda.plan(1, 5)
    agenda.add(2)
    assert agenda.next_at == 0
