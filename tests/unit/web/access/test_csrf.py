"""The proof that a form is one of ours."""

import base64

import pytest

from alerts.facts import User, UserRole
from web.access.csrf import field, is_right, is_right_for_cookie, token_for, token_for_cookie

ANN = User("ann", UserRole.ADMIN, "scrypt:1:1:1$salt$aaaa")


def test_a_token_is_right_for_its_user_and_looks_different_each_time() -> None:
    first, second = token_for(ANN), token_for(ANN)
    assert first != second
    assert is_right(ANN, first)
    assert is_right(ANN, second)


@pytest.mark.parametrize(
    "other",
    [User("bob", UserRole.ADMIN, ANN.password_hash), User("ann", UserRole.ADMIN, "scrypt:1:1:1$salt$bbbb")],
    ids=["another user", "another password"],
)
def test_it_is_wrong_for_anybody_else(other: User) -> None:
    assert not is_right(other, token_for(ANN))


def test_any_bit_that_is_not_its_own_makes_it_wrong() -> None:
    raw = base64.urlsafe_b64decode(token_for(ANN))
    for at in range(len(raw)):
        changed = bytes(byte ^ (1 if number == at else 0) for number, byte in enumerate(raw))
        assert not is_right(ANN, base64.urlsafe_b64encode(changed).decode())


@pytest.mark.parametrize("token", ["", "x", "ä", "A" * 88, "=" * 88, "A" * 100_000])
def test_what_is_no_token_is_wrong(token: str) -> None:
    assert not is_right(ANN, token)


def test_it_is_wrong_in_another_browser_and_after_another_login() -> None:
    assert is_right(ANN, token_for(ANN, "a" * 64), "a" * 64)
    assert not is_right(ANN, token_for(ANN, "a" * 64), "b" * 64)
    assert not is_right(ANN, token_for(ANN, "a" * 64))
    assert not is_right(ANN, token_for(ANN), "a" * 64)


def test_before_a_login_it_belongs_to_the_cookie_of_the_form() -> None:
    assert is_right_for_cookie("cookie", token_for_cookie("cookie"))
    assert not is_right_for_cookie("another", token_for_cookie("cookie"))
    assert not is_right_for_cookie("", token_for_cookie(""))


def test_a_form_for_nobody_has_no_field() -> None:
    assert field("") == ""
    assert 'name="csrf_token"' in field(token_for(ANN))
