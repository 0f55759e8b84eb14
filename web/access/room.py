"""The room in which passwords wait to be checked: few places, and nobody can fill it alone. No store, no request."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

AT_ONCE: Final = 2
"""Each check takes 32 MiB and a core; more at once would only let strangers fill the machine."""

PLACES: Final = 6
"""Who waits has a thread of the server meanwhile: the rest of the eight are for those who need no check."""

SHARE: Final = 3
"""Different guesses that one address, or guesses at one account, may have here at a time."""

_LOOK_S: Final = 0.1


class Busy(Exception):
    """There is no place; somebody who comes again in a few seconds may find one."""


class Gone(Exception):
    """Who asked is not there any more: nothing was checked."""


@dataclass(eq=False, slots=True)
class _Try:
    """A guess under way, by whoever made it first; `waiting` are all who made the same one."""

    source: str
    name: str
    waiting: int = 1
    runs: bool = False
    right: bool | None = None


class GuessQueue:
    """Lets each guess wait for its turn, and tells all who made the same one what came of it."""

    def __init__(self) -> None:
        self._tries: dict[bytes, _Try] = {}
        self._changed = threading.Condition()

    def check(self, guess: tuple[str, str, bytes], is_right: Callable[[], bool], is_gone: Callable[[], bool]) -> bool:
        """`guess` is the address it comes from, the account it is at, and what tells it from others.

        Raises `Busy` at once, or `Gone` as soon as that is seen.
        """
        with self._changed:
            mine = self._enter(guess)
            try:
                is_my_turn = self._wait(mine, is_gone)
            except Gone:
                self._leave(guess[2], mine)
                raise
            if not is_my_turn:
                self._leave(guess[2], mine)
                return bool(mine.right)
        right = False
        try:
            right = is_right()
        finally:
            with self._changed:
                mine.right, mine.runs = right, False
                self._leave(guess[2], mine)
                self._changed.notify_all()
        return right

    def _wait(self, mine: _Try, is_gone: Callable[[], bool]) -> bool:
        """Whether it is this one's turn to check; else somebody has done it meanwhile."""
        while mine.right is None and (mine.runs or self._running() >= AT_ONCE):
            self._changed.wait(_LOOK_S)
            if is_gone():
                raise Gone
        mine.runs = mine.right is None
        return mine.runs

    def _enter(self, guess: tuple[str, str, bytes]) -> _Try:
        source, name, key = guess
        others = list(self._tries.values())
        if sum(each.waiting for each in others) >= PLACES:
            raise Busy
        if known := self._tries.get(key):
            known.waiting += 1
            return known
        if max(sum(each.source == source for each in others), sum(each.name == name for each in others)) >= SHARE:
            raise Busy
        made = self._tries[key] = _Try(source, name)
        return made

    def _leave(self, key: bytes, mine: _Try) -> None:
        mine.waiting -= 1
        # One with a result takes nobody else in, whoever of those that wait for it has not looked yet.
        if self._tries.get(key) is mine and (not mine.waiting or mine.right is not None):
            del self._tries[key]

    def _running(self) -> int:
        return sum(each.runs for each in self._tries.values())
