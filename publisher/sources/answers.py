"""What the answers of miners have in common: JSON of a known shape, names with versions, pools, several algorithms."""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from publisher.sources.reading import SourceError
from rigwatch.messages import LINE_MAX, Miner

Answer = TypeVar("Answer")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,62})"
_POOL: Final = re.compile(
    rf"(?P<scheme>[a-z][a-z0-9+.-]{{0,30}}://)?(?:.*@)?(?P<host>{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-f:.]+\])"
    r":(?P<port>[0-9]{1,5})(?:[/?#][^@]*)?",
    re.IGNORECASE | re.ASCII,
)


class NotJsonError(SourceError):
    """The answer is of another kind altogether."""


def decode(raw: bytes, kind: type[Answer], who: str, *, strict: bool = True) -> Answer:
    """The answer; raises SourceError that says which of its fields is not as `who` would write it.

    Not `strict`: numbers may be written as texts.
    """
    try:
        return msgspec.json.decode(raw, type=kind, strict=strict)
    except msgspec.ValidationError as exc:
        raise _not_of(who, exc) from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise NotJsonError(f"the answer is not JSON; is this the port of {who}'s API?") from None


def convert(value: object, kind: type[Answer], who: str) -> Answer:
    """The same of a part that is decoded already; numbers may be written as texts."""
    try:
        return msgspec.convert(value, kind, strict=False)
    except msgspec.ValidationError as exc:
        raise _not_of(who, exc) from None


def miner_of(text: str | None, name: str) -> Miner:
    """Of `lolMiner 1.92`; `name` is what it is called where the text is missing or has only the version."""
    words = (text or "").split()
    if len(words) > 1:
        return miner_named(" ".join(words[:-1]), words[-1])
    return miner_named(name, words[0] if words else None)


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
    for at, name in enumerate(names):
        if name is not None and name.strip().lower() == wanted.strip().lower():
            return at
    known = ", ".join(name.strip() for name in names if name) or "nothing"
    raise SourceError(f"mines {known[:100]}, not the algorithm {wanted[:40]!r} of the settings")


def _not_of(who: str, exc: msgspec.ValidationError) -> SourceError:
    what, _, where = str(exc).partition(" - at `$")
    where = where.rstrip("`").lstrip(".")
    place = f"{where}: " if where else ""
    return SourceError(f"not an answer of {who}: {place}{what[:1].lower()}{what[1:]}")
