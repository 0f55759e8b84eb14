"""What the answers of miners have in common: JSON of a known shape, names with versions, pools, several algorithms."""

import re
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from msgspec import structs

from publisher.sources.mending import CutShortError, NotJsonError, loads
from publisher.sources.reading import Reading, SourceError
from publisher.sources.tolerance import OtherShapeError, read
from rigwatch.clock import Millis
from rigwatch.figures import LINE_MAX, Miner

Shape = TypeVar("Shape")
Value = TypeVar("Value")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,62})"
_POOL: Final = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]{{0,30}}://)?(?:.*@)?(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]+\])"
    r":(?P<port>[0-9]{1,5})(?:[/?#][^@]*)?",
    re.IGNORECASE | re.ASCII,
)
_VERSION: Final = re.compile(r"v?\d", re.IGNORECASE)


class Answers:
    """What one read of `who` is told, taken tolerantly: what cannot be read is absent, and named at the end."""

    def __init__(self, who: str) -> None:
        self._who = who
        self._odd: dict[str, None] = {}

    def note(self, what: str) -> None:
        """Something could not be read though the rest could."""
        self._odd[what] = None

    def decode(self, raw: bytes, kind: type[Shape]) -> Shape:
        """The answer. Raises NotJsonError, CutShortError, or SourceError where this is no answer of `who`."""
        try:
            value = loads(raw)
        except NotJsonError as exc:
            raise NotJsonError(f"{exc}; is this the port of {self._who}'s API?") from None
        except CutShortError as exc:
            raise CutShortError(f"{exc} after {len(raw)} bytes") from None
        return self.convert(value, kind)

    def convert(self, value: object, kind: type[Shape]) -> Shape:
        """The same of what is decoded already."""
        try:
            return read(value, kind, self.note)
        except OtherShapeError as exc:
            raise SourceError(f"not an answer of {self._who}: {exc}") from None

    def section(self, name: str, ask: Callable[[], bytes], kind: type[Shape]) -> Shape | None:
        """A further answer, without which the others are still worth a report: None where it cannot be had."""
        try:
            return self.decode(ask(), kind)
        except SourceError as exc:
            self.note(f"{name}: {exc}")
            return None

    def complete(self, reading: Reading) -> Reading:
        """The reading with what could not be read."""
        return structs.replace(reading, odd=(*self._odd, *reading.odd)) if self._odd else reading


def miner_of(text: str | None, name: str) -> Miner:
    """Of `lolMiner 1.92`, `cgminer 4.9.0 rwglr`, `BOSminer+ 0.2.0-36c5` or `btminer`; `name` is what it is called where
    the text is missing or begins with the version.
    """
    words = (text or "").split()
    at = next((at for at, word in enumerate(words) if _VERSION.match(word)), len(words))
    return miner_named(" ".join(words[:at]) or name, " ".join(words[at:]).removeprefix("v"))


def miner_named(name: str, version: str | None) -> Miner:
    """With as much of both as a sample has room for."""
    return Miner(name=name[:LINE_MAX], version=(version or "")[:LINE_MAX])


def pool_of(text: str | None) -> str | None:
    """Scheme, host and port of a pool, and nothing of the login, wallet or worker that may stand around them; None
    where host and port cannot be told for sure.
    """
    if text is None or not (found := _POOL.fullmatch(text.strip())):
        return None
    return f"{found['scheme'] or ''}{found['host']}:{found['port']}"


def chosen(names: Sequence[str | None], wanted: str) -> int:
    """Which of several algorithms is meant: the first, unless the settings name one. Two are never added up."""
    if not wanted:
        return 0
    known = [algorithm_of(name) for name in names]
    if algorithm_of(wanted) in known:
        return known.index(algorithm_of(wanted))
    if known.count(None) == 1:
        # The one whose name cannot be read, since the others are not meant.
        return known.index(None)
    told = ", ".join(name.strip() for name in names if name) or "nothing"
    raise SourceError(f"mines {told[:100]}, not the algorithm {wanted[:40]!r} of the settings")


def algorithm_of(text: str | None) -> str | None:
    """In small letters, so that miners that spell it differently mean the same."""
    plain = " ".join((text or "").lower().split())
    return plain[:LINE_MAX] or None


def uptime_since(start: float | None, now: Millis) -> float | None:
    """Seconds; a clock that was set since the start must not make them negative."""
    return max(0.0, now / 1000 - start) if start else None


def scaled(value: float | None, factor: float | None) -> float | None:
    return None if value is None or factor is None else value * factor


def at_place(values: Sequence[Value | None] | None, place: int | None) -> Value | None:
    """Of a list with one for each card or pool; None where it is shorter, or not there."""
    return values[place] if values is not None and place is not None and 0 <= place < len(values) else None
