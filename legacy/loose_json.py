"""JSON as people wrote it for wtc-miner-monitor: commas missing or too many, tabs in texts, paths with one `\\`.

The old tool's own description shows such files, so its users have them. Errors name the line and never a value.
"""

import json
import re
from typing import Final, TypeAlias

Value: TypeAlias = str | int | float | bool | None
Document: TypeAlias = dict[str, Value]

_SPACE = re.compile(r"(?:[\s,]|//[^\n]*)*")
_BARE = re.compile(r"[^\s,:{}\[\]\"]+")
_WORDS: Final[dict[str, Value]] = {"true": True, "false": False, "null": None}
# A path that ends in a backslash, "C:\miner\": what looks like an escaped quote ends the text, or the rest of the line
# would belong to it.
_LAST_BACKSLASH = re.compile(r'\\"[ \t]*(?:,?[ \t]*(?:\r|\n|\}|$)|[, \t][ \t]*")')
_UNICODE = re.compile(r"\\u([0-9a-fA-F]{4})")


class LooseJsonError(ValueError):
    """The text is no object of settings, however kindly it is read; its words are for people."""


def decode(data: bytes) -> Document:
    """The settings of one flat object, keys in small letters: the old tool did not tell them apart either.

    Nested values and lists are left out; there are none in its files. Raises `LooseJsonError`.
    """
    text = _text(data)
    try:
        document = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        document = _Reader(text).document()
    if not isinstance(document, dict):
        raise LooseJsonError("holds no settings in braces")
    return {key.lower(): _storable(value) for key, value in document.items() if not isinstance(value, dict | list)}


def _storable(value: Value) -> Value:
    # Half of a surrogate pair, `\ud800`, is a letter that no file can hold.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Windows' editors of that time.
        return data.decode("cp1252", errors="replace")


class _Reader:
    """Reads a flat object from left to right, and takes a comma for what it is worth: nothing."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def document(self) -> Document:
        self._skip()
        self._expect("{", "does not begin with '{'")
        found: Document = {}
        while True:
            self._skip()
            if self._peek() in {"}", ""}:
                return found
            key = self._name()
            self._skip()
            self._expect(":", "a name without ':' and a value")
            self._skip()
            found[key] = self._value()

    def _name(self) -> str:
        if self._peek() == '"':
            return self._string()
        return self._bare()

    def _value(self) -> Value:
        if self._peek() == '"':
            return self._string()
        word = self._bare()
        if word in _WORDS:
            return _WORDS[word]
        try:
            return int(word)
        except ValueError:
            pass
        try:
            return float(word)
        except ValueError:
            return word

    def _bare(self) -> str:
        found = _BARE.match(self._text, self._at)
        if found is None:
            raise self._wrong("something that is neither a name nor a value")
        self._at = found.end()
        return found.group()

    def _string(self) -> str:
        self._at += 1
        letters: list[str] = []
        while (letter := self._peek()) not in {'"', "\n", ""}:
            letters.append(self._escaped() if letter == "\\" else letter)
            self._at += 1
        if self._peek() == '"':
            self._at += 1
        return "".join(letters).rstrip("\r")

    def _escaped(self) -> str:
        """Stands on a backslash, and goes to the last letter of what it means."""
        if _LAST_BACKSLASH.match(self._text, self._at):
            return "\\"
        if code := _UNICODE.match(self._text, self._at):
            self._at += 5
            return chr(int(code.group(1), 16))
        if self._text[self._at + 1 : self._at + 2] in {"\\", '"', "/"}:
            self._at += 1
            return self._text[self._at]
        # One backslash of a path. That it could be a line's end, as in "C:\new", nobody meant.
        return "\\"

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _skip(self) -> None:
        found = _SPACE.match(self._text, self._at)
        assert found is not None
        self._at = found.end()

    def _expect(self, letter: str, otherwise: str) -> None:
        if self._peek() != letter:
            raise self._wrong(otherwise)
        self._at += 1

    def _wrong(self, what: str) -> LooseJsonError:
        return LooseJsonError(f"line {self._text.count(chr(10), 0, self._at) + 1}: {what}")
