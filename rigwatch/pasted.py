"""Join tokens as people hand them over: pasted into a terminal, or through a pipe.

A token is a secret: it is not shown, and what follows it never reaches the shell, which would keep it in its history.
"""

import os
import select
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rigwatch.errors import TokenError
from rigwatch.tokens import JoinToken

PAUSE: Final = 0.5
"""Seconds without a further line after which a paste has ended: a token copied from a narrow window has several."""
LENGTH_MAX: Final = 1_000_000
_INPUT: Final = 0
_ERASE: Final = "\x7f\b"
_END: Final = "\x04"
# What a terminal puts around a paste when the program before us has asked for it.
_BRACKETS: Final = ("\x1b[200~", "\x1b[201~")


def read_token() -> str:
    """One token from standard input, ended by Enter or by the input's end; what it is worth is not judged here."""
    if not os.isatty(_INPUT):
        return _until(_is_token, PAUSE)
    return _ask("Paste the join token and press Enter: ", _is_token, PAUSE)


def read_tokens() -> str:
    """Several; in a terminal until an empty line, else until the input's end."""
    if not os.isatty(_INPUT):
        return _until(lambda _text: False, None)
    return _ask("Paste the join tokens, then press Enter twice: ", lambda text: text.endswith("\n\n"), None)


def _ask(prompt: str, is_whole: Callable[[str], bool], pause: float | None) -> str:
    # The terminal first: whoever is quicker than we are would paste into a line of the old length.
    with _unseen():
        sys.stderr.write(prompt)
        sys.stderr.flush()
        try:
            return _until(is_whole, pause)
        finally:
            sys.stderr.write("\n")


def _until(is_whole: Callable[[str], bool], pause: float | None) -> str:
    """The input up to where it is whole, ends, or stays still for so long after an Enter."""
    if sys.platform == "win32":
        # Neither consoles nor pipes can be waited for there: a token is one line.
        with open(_INPUT, encoding="utf-8", errors="replace", closefd=False) as source:
            return source.readline() if pause is not None else source.read()
    text = ""
    while len(text) < LENGTH_MAX:
        rests = pause if "\n" in text.lstrip() else None
        if not select.select([_INPUT], [], [], rests)[0]:
            break
        part = os.read(_INPUT, 65_536).decode(errors="replace").replace("\r", "\n")
        text = _edited(text, part.partition(_END)[0])
        if not part or _END in part or (text.endswith("\n") and is_whole(text)):
            break
    return text


def _edited(text: str, part: str) -> str:
    for bracket in _BRACKETS:
        part = part.replace(bracket, "")
    for letter in part:
        text = text[:-1] if letter in _ERASE else text + letter
    return text


def _is_token(text: str) -> bool:
    try:
        JoinToken.decode(text)
    except TokenError:
        return False
    return True


@contextmanager
def _unseen() -> Iterator[None]:
    """The terminal shows nothing of what is typed, and takes lines of any length: its own end at 4095 letters, and a
    token that carries a chain of certificates may be longer. What was not read is thrown away at the end."""
    if sys.platform == "win32":
        yield
        return
    import termios  # noqa: PLC0415 - not there on Windows

    before, unseen = termios.tcgetattr(_INPUT), termios.tcgetattr(_INPUT)
    unseen[3] &= ~(termios.ICANON | termios.ECHO)
    termios.tcsetattr(_INPUT, termios.TCSADRAIN, unseen)
    try:
        yield
    finally:
        termios.tcsetattr(_INPUT, termios.TCSAFLUSH, before)
