"""JSON-RPC 2.0 as bitcoind, monerod and Ethereum's clients answer it: the result, or why there is none."""

from typing import Any, Final

from msgspec import Struct

from publisher.sources.reading import SourceError

_METHOD_NOT_FOUND: Final = -32601
_NOT_OFFERED_CODES: Final = frozenset((_METHOD_NOT_FOUND, -32604, -32004))
"""JSON-RPC 2.0 §5.1; Besu's for a module that is switched off; EIP-1474's for a method that is not supported."""
_NOT_OFFERED_WORDS: Final = (
    "not found",
    "not supported",
    "not enabled",
    "not available",
    "not exist",
    "not implemented",
    "not allowed",
    "is disabled",
    "unknown method",
    "unsupported",
)
"""Nethermind says -32600 and others -32000 of a method that they do not offer; only the words tell it from trouble."""
_WORDS_MAX: Final = 100


class NotOfferedError(SourceError):
    """The client does not have the method, or not for us."""


class Error(Struct):
    code: int | None = None
    message: str | None = None


class Reply(Struct):
    """`error` may be an object, or a text in clients that are older than the standard."""

    id: int | str | None = None
    result: Any = None
    error: Error | str | None = None


def result_of(reply: Reply | None, method: str) -> Any:  # noqa: ANN401 - JSON
    """Raises NotOfferedError, or SourceError with the client's own words where it refused."""
    if reply is None:
        raise SourceError(f"{method}: no answer among those that came")
    if reply.error is None or reply.result is not None:
        return reply.result
    error = reply.error if isinstance(reply.error, Error) else Error(message=reply.error)
    words = " ".join((error.message or "").split())
    text = f"{method}: error {'' if error.code is None else f'{error.code}: '}{_short(words)}"
    if error.code in _NOT_OFFERED_CODES or any(each in words.lower() for each in _NOT_OFFERED_WORDS):
        raise NotOfferedError(text)
    raise SourceError(text)


def _short(text: str) -> str:
    return text if len(text) <= _WORDS_MAX else f"{text[: _WORDS_MAX - 1]}…"
