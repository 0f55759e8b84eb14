"""JSON as miners write it, with the defects that are known of them, mended in this one place. What a field means is not
known here.

Mended are: compression that nobody asked for, a byte order mark, NUL bytes, Latin-1, raw line breaks in texts, commas
too many or missing (`,}` and `}{`), `nan` and `inf`, numbers such as `004` (which becomes a text) or `+5`, words
without quotes, texts in single quotes, and whatever follows the answer.
"""

import gzip
import re
import zlib
from typing import Any, Final

import msgspec

from publisher.sources.reading import SourceError

DEPTH_MAX: Final = 64
_UNPACKED_MAX: Final = 8 * 1024 * 1024
_GZIP: Final = b"\x1f\x8b"
_BLANK: Final = re.compile(r"[\s\x00\ufeff]*")
_GAP: Final = re.compile(r"[\s\x00\ufeff,;]*")
_LEAD: Final = re.compile(r"[^\[{A-Za-z<\"]{0,64}(?=[\[{])")
"""A length, a mark or a prompt may stand before an answer, but no word and no tag."""
_WORD: Final = re.compile(r"[^\s,:;{}\[\]\"\x00]+")
_NUMBER: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\Z", re.ASCII)
_PADDED: Final = re.compile(r"[+-]?0\d+\Z", re.ASCII)
_WORDS: Final[dict[str, Any]] = {
    **dict.fromkeys(("null", "none", "nil", "undefined"), None),
    "true": True,
    "false": False,
}
_NOT_A_NUMBER: Final = re.compile(r"[+-]?(?:nan(?:\(.*\))?|1\.#(?:ind|qnan|snan)0*)\Z", re.IGNORECASE)
_INFINITE: Final = re.compile(r"[+-]?(?:inf(?:inity)?|1\.#inf0*)\Z", re.IGNORECASE)
_ESCAPES: Final = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_TEXT_PART: Final = {quote: re.compile(rf"[^{quote}\\]*") for quote in "\"'"}
_HEX4: Final = re.compile(r"[0-9a-fA-F]{4}")
_EXACT_DIGITS: Final = 18


class NotJsonError(SourceError):
    """The answer is of another kind altogether."""


class CutShortError(SourceError):
    """The answer begins as it should, and ends in its middle."""


def loads(raw: bytes) -> Any:  # noqa: ANN401 - JSON
    """The first value in it, an object or a list; raises NotJsonError or CutShortError, whose texts do not say who
    answered.
    """
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return _Scan(text_of(unpacked(raw))).answer()
    if not isinstance(value, dict | list):
        raise NotJsonError("the answer is not JSON")
    return value


def unpacked(raw: bytes, encoding: str = "") -> bytes:
    """What is in it, where it is compressed; `encoding` is what its header says of that."""
    try:
        if raw.startswith(_GZIP):
            return _inflated(raw, zlib.MAX_WBITS | 16)
        if encoding.strip().lower() == "deflate" and raw:
            # The standard means zlib's form; some send the bare stream.
            return _inflated(raw, zlib.MAX_WBITS if raw[0] & 0x0F == 8 else -zlib.MAX_WBITS)
    except (zlib.error, gzip.BadGzipFile):
        raise NotJsonError("the answer is compressed and damaged") from None
    return raw


def text_of(raw: bytes) -> str:
    """As UTF-8, or what its byte order mark says, or else as Latin-1, which takes every byte."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", errors="replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


class JsonEnd:
    """Tells where a JSON answer ends, while it comes in: servers keep connections open, or end without a mark."""

    def __init__(self) -> None:
        self._depth = 0
        self._begun = self._in_text = self._escaped = self._other = False

    def ended(self, piece: bytes) -> bool:
        """Whether the answer is whole with the next `piece`. Never of what is not JSON."""
        for byte in piece if not self._other else b"":
            if self._in_text:
                self._follow_text(byte)
            elif byte in b"{[":
                self._depth += 1
                self._begun = True
            elif byte in b"}]":
                self._depth -= 1
                if self._begun and self._depth <= 0:
                    return True
            elif byte == 0x22 and self._begun:
                self._in_text = True
            elif not self._begun and chr(byte).isalpha():
                # A page or a text in lines; braces in it mean nothing.
                self._other = True
                return False
        return False

    def _follow_text(self, byte: int) -> None:
        if self._escaped:
            self._escaped = False
        elif byte == 0x5C:
            self._escaped = True
        elif byte == 0x22:
            self._in_text = False


def _inflated(raw: bytes, window: int) -> bytes:
    """As far as it goes; a bomb is cut."""
    return zlib.decompressobj(window).decompress(raw, _UNPACKED_MAX)


class _Scan:
    """Reads one text from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def answer(self) -> Any:  # noqa: ANN401 - JSON
        lead = _LEAD.match(self._text)
        if lead is None:
            raise NotJsonError("the answer is not JSON")
        self._at = lead.end()
        return self._value(1)

    def _value(self, depth: int) -> Any:  # noqa: ANN401 - JSON
        if depth > DEPTH_MAX:
            raise NotJsonError(f"the answer is not JSON: nested deeper than {DEPTH_MAX}")
        sign = self._peek()
        if sign == "{":
            return self._object(depth)
        if sign == "[":
            return self._list(depth)
        if sign in ('"', "'"):
            return self._string(sign)
        return self._word()

    def _object(self, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._at += 1
        while (sign := self._peek(_GAP)) != "}":
            if sign in ("{", "[", "]", ":"):
                raise NotJsonError("the answer is not JSON: a name is missing")
            key = self._string(sign) if sign in ('"', "'") else self._bare()
            if self._peek() != ":":
                raise NotJsonError("the answer is not JSON: a value is missing")
            self._at += 1
            # `"power":,` is a sensor that gave nothing.
            value = None if self._peek() in (",", "}") else self._value(depth + 1)
            found.setdefault(key, value)
        self._at += 1
        return found

    def _list(self, depth: int) -> list[Any]:
        found: list[Any] = []
        self._at += 1
        while (sign := self._peek(_GAP)) != "]":
            if sign in ("}", ":"):
                raise NotJsonError("the answer is not JSON: a list does not end")
            found.append(self._value(depth + 1))
        self._at += 1
        return found

    def _string(self, quote: str) -> str:
        parts: list[str] = []
        self._at += 1
        while True:
            found = _TEXT_PART[quote].match(self._text, self._at)
            assert found is not None  # it matches nothing as well
            parts.append(found[0])
            self._at = found.end()
            if self._at >= len(self._text):
                raise CutShortError("the answer is cut short")
            if self._text[self._at] == quote:
                self._at += 1
                return "".join(parts)
            parts.append(self._escape())

    def _escape(self) -> str:
        letter = self._text[self._at + 1 : self._at + 2]
        if letter == "u" and (code := _HEX4.match(self._text, self._at + 2)):
            self._at = code.end()
            return self._character(int(code[0], 16))
        self._at += 2
        if letter in "\"'\\/":
            return letter
        # Windows paths and colours stand in texts as they are.
        return _ESCAPES.get(letter, f"\\{letter}")

    def _character(self, code: int) -> str:
        """Of one escape, or of two that make a character outside the first plane."""
        if 0xD800 <= code < 0xDC00 and self._text[self._at : self._at + 2] == "\\u":
            low = _HEX4.match(self._text, self._at + 2)
            if low and 0xDC00 <= (second := int(low[0], 16)) < 0xE000:
                self._at = low.end()
                return chr(0x10000 + ((code - 0xD800) << 10) + (second - 0xDC00))
        return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

    def _word(self) -> Any:  # noqa: ANN401 - JSON
        word = self._bare()
        if _PADDED.match(word):
            # A worker called 004 is no number; whoever wants one reads it from the text.
            return word
        if _NUMBER.match(word):
            return _number(word)
        if _NOT_A_NUMBER.match(word):
            return float("nan")
        if _INFINITE.match(word):
            return float("-inf" if word.startswith("-") else "inf")
        return _WORDS.get(word.lower(), word)

    def _bare(self) -> str:
        found = _WORD.match(self._text, self._at)
        if found is None:
            raise NotJsonError("the answer is not JSON")
        self._at = found.end()
        if self._at >= len(self._text):
            raise CutShortError("the answer is cut short")
        return found[0]

    def _peek(self, skipped: re.Pattern[str] = _BLANK) -> str:
        """The next sign that is not to be skipped."""
        found = skipped.match(self._text, self._at)
        assert found is not None  # it matches nothing as well
        self._at = found.end()
        if self._at >= len(self._text):
            raise CutShortError("the answer is cut short")
        return self._text[self._at]


def _number(word: str) -> float:
    """An int where it is written as one that is exact everywhere."""
    if len(word) <= _EXACT_DIGITS and word.lstrip("+-").isdecimal():
        return int(word)
    return float(word)
