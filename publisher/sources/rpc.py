"""JSON-RPC 2.0 as bitcoind and monerod answer it: the result, or why there is none."""

from typing import Any, TypeVar

from msgspec import Struct

from publisher.sources.answers import convert
from publisher.sources.reading import SourceError

Result = TypeVar("Result")


class Error(Struct):
    code: int | None = None
    message: str | None = None


class Reply(Struct):
    id: int | str | None = None
    result: Any = None
    error: Error | None = None


def result_of(reply: Reply | None, kind: type[Result], method: str, who: str) -> Result:
    """Raises SourceError with the client's own words where it refused."""
    if reply is None:
        raise SourceError(f"{method}: no answer among those that came")
    if reply.error is not None:
        raise SourceError(f"{method}: error {reply.error.code}: {(reply.error.message or '')[:100]}")
    return convert(reply.result, kind, f"{who} to {method}")
