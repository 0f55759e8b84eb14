"""Who waits for a password to be checked: a few, nobody alone, and nobody who has gone."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.waiting import eventually
from web.access.room import AT_ONCE, PLACES, SHARE, Busy, Gone, GuessQueue


@dataclass(slots=True)
class Desk:
    """A room whose checks last until the test lets them end."""

    room: GuessQueue
    threads: ThreadPoolExecutor
    end: threading.Event = field(default_factory=threading.Event)
    checked: list[str] = field(default_factory=list)
    running: int = 0
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(
        self, source: str, name: str, password: str, *, right: bool = False, is_gone: Callable[[], bool] = lambda: False
    ) -> "Future[bool]":
        def check() -> bool:
            with self.lock:
                self.running += 1
                self.most = max(self.most, self.running)
                self.checked.append(password)
            self.end.wait(20)
            with self.lock:
                self.running -= 1
            return right

        guess = (source, name, f"{name}:{password}".encode())
        return self.threads.submit(self.room.check, guess, check, is_gone)


@contextmanager
def a_desk() -> Iterator[Desk]:
    with ThreadPoolExecutor(40) as threads:
        desk = Desk(GuessQueue(), threads)
        try:
            yield desk
        finally:
            desk.end.set()


@pytest.fixture
def desk() -> Iterator[Desk]:
    with a_desk() as made:
        yield made


def outcome(future: "Future[bool]") -> object:
    try:
        return future.result(timeout=20)
    except (Busy, Gone) as exc:
        return type(exc)


def test_two_are_checked_at_once_and_the_others_wait(desk: Desk) -> None:
    asked = [desk.ask(f"192.0.2.{number}", f"user{number}", "x") for number in range(PLACES)]
    eventually(lambda: desk.running == AT_ONCE, what="two are checked")
    # There is no further place, whoever asks.
    assert outcome(desk.ask("192.0.2.99", "late", "x")) is Busy
    desk.end.set()
    assert [outcome(each) for each in asked] == [False] * PLACES
    assert desk.most == AT_ONCE
    assert outcome(desk.ask("192.0.2.99", "late", "x", right=True)) is True


def test_guesses_at_one_account_leave_room_for_others(desk: Desk) -> None:
    guesses = [desk.ask(f"192.0.2.{number}", "ada", f"guess{number}") for number in range(20)]
    eventually(lambda: sum(each.done() for each in guesses) == 20 - SHARE, what="the rest is refused")
    bob = desk.ask("198.51.100.1", "bob", "right", right=True)
    desk.end.set()
    assert outcome(bob) is True


def test_one_address_leaves_room_for_others(desk: Desk) -> None:
    guesses = [desk.ask("192.0.2.1", f"user{number}", "x") for number in range(20)]
    eventually(lambda: sum(each.done() for each in guesses) == 20 - SHARE, what="the rest is refused")
    other = desk.ask("192.0.2.2", "bob", "right", right=True)
    desk.end.set()
    assert outcome(other) is True


def test_the_same_password_is_checked_once_for_all_who_wait_for_it(desk: Desk) -> None:
    # A browser opens six connections at once.
    asked = [desk.ask("192.0.2.1", "ada", "right", right=True) for _ in range(PLACES)]
    eventually(lambda: desk.running == 1, what="it is checked")
    desk.end.set()
    assert [outcome(each) for each in asked] == [True] * PLACES
    assert desk.checked.count("right") <= 2


def test_who_has_gone_is_not_checked_and_frees_the_place(desk: Desk) -> None:
    for number in range(AT_ONCE):
        desk.ask(f"192.0.2.{number}", f"user{number}", "x")
    eventually(lambda: desk.running == AT_ONCE, what="two are checked")
    gone = threading.Event()
    pending = [desk.ask(f"198.51.100.{number}", f"other{number}", "gone", is_gone=gone.is_set) for number in range(4)]
    eventually(lambda: outcome(desk.ask("203.0.113.1", "late", "x")) is Busy, what="the room is full")
    gone.set()
    assert [outcome(each) for each in pending] == [Gone] * 4
    late = desk.ask("203.0.113.1", "late", "y")
    desk.end.set()
    assert outcome(late) is False
    assert "gone" not in desk.checked


def test_a_check_that_breaks_frees_its_place() -> None:
    room = GuessQueue()

    def broken() -> bool:
        raise ValueError("broken")

    for _ in range(PLACES * 2):
        with pytest.raises(ValueError, match="broken"):
            room.check(("192.0.2.1", "ada", b"x"), broken, lambda: False)
