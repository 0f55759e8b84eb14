"""Which of the broker's reasons mean that a machine lives, and which that it cannot be reached."""

import pytest

from broker.endings import ending_of
from rigwatch.ending import Ending


@pytest.mark.parametrize(
    ("reason", "ending"),
    [
        ("connection lost", Ending.CLOSED),
        ("ConnectionResetError", Ending.CLOSED),
        ("keep-alive", Ending.TIMED_OUT),
        # As when the other side's packets are not answered any more, or a router says that there is no way to it.
        ("TimeoutError", Ending.TIMED_OUT),
        ("OSError", Ending.TIMED_OUT),
        ("taken over", Ending.REFUSED),
        ("login no longer good", Ending.REFUSED),
        ("protocol: a packet is too long", Ending.REFUSED),
    ],
)
def test_a_reason_says_who_ended_it(reason: str, ending: Ending) -> None:
    assert ending_of(reason) is ending
