import pytest

from rigwatch.process import FAILED_LATER
from rigwatch.supervisor import SETTLED, is_final


@pytest.mark.parametrize(
    ("code", "ran", "starts", "final"),
    [
        pytest.param(1, 0.2, 1, True, id="an error at the first start ends everything"),
        pytest.param(2, 0.2, 1, True, id="wrong settings at the first start end everything"),
        pytest.param(1, SETTLED, 1, False, id="an error of a part that had started is not final"),
        pytest.param(1, 0.2, 2, False, id="an error at a later start is not final"),
        pytest.param(-9, 0.2, 1, False, id="a kill never is"),
        pytest.param(FAILED_LATER, 0.2, 1, False, id="an error of a part that was ready is not final, however soon"),
        pytest.param(0, 0.2, 1, False, id="an end without an error is not"),
    ],
)
def test_it_gives_up_only_on_a_part_that_says_no_at_its_first_start(
    code: int, ran: float, starts: int, *, final: bool
) -> None:
    assert is_final(code, ran=ran, starts=starts) is final
