"""Codes of a second factor, by the test values of RFC 6238."""

import base64

import pytest

from web.access.totp import STEP_MS, address, new_secret, picture, step_of

# RFC 6238, appendix B, for SHA-1; six digits are the last six of its eight.
SECRET = base64.b32encode(b"12345678901234567890").decode()
VECTORS = [
    *((59, "287082"), (1111111109, "081804"), (1111111111, "050471")),
    *((1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")),
]


@pytest.mark.parametrize(("seconds", "code"), VECTORS)
def test_a_code_of_the_standard_is_right_in_its_step_and_one_beside_it(seconds: int, code: str) -> None:
    step = seconds // 30
    for away, found in ((0, step), (-30, step), (30, step), (-90, None), (90, None)):
        assert step_of(SECRET, code, (seconds + away) * 1000) == found


def test_it_may_be_typed_with_a_blank_in_the_middle() -> None:
    assert step_of(SECRET, " 287 082 ", 59_000) == 1


@pytest.mark.parametrize("code", ["", "28708", "2870822", "94287082", "28708x", "٢٨٧٠٨٢", "-87082", "287082" * 100])
def test_what_is_no_code_is_wrong(code: str) -> None:
    assert step_of(SECRET, code, 59_000) is None


def test_a_secret_is_never_the_same_and_fits_into_a_picture() -> None:
    first, second = new_secret(), new_secret()
    assert first != second
    assert len(base64.b32decode(first)) == 20
    said = address(first, "ada", "rigs.example")
    assert said.startswith("otpauth://totp/rigwatch:ada%40rigs.example?")
    assert f"secret={first}" in said
    drawn = picture(said)
    assert drawn.startswith("<svg")
    # What the page's policy would not let through.
    assert "style=" not in drawn
    assert "<script" not in drawn
    assert STEP_MS == 30_000
