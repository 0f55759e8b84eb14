"""An HTTP server that answers as some chain client would: well, badly, slowly or not at all."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.integration.publisher.sources.http_server import http_server

Answer = Callable[[Any], tuple[int, bytes]]
"""Gives the status and the body for a decoded request."""


@dataclass(slots=True)
class ChainServer:
    """`asked` has every request's JSON, `headers` their headers; `answer` may be changed between requests."""

    answer: Answer
    port: int = 0
    asked: list[Any] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def methods(self) -> list[str]:
        """Every method asked for, in order."""
        calls = [call for body in self.asked for call in (body if isinstance(body, list) else [body])]
        return [call["method"] for call in calls]


def geth(figures: dict[str, Any], *, batches: bool = True) -> Answer:
    """A client that offers the methods of `figures`; a figure that is an exception's dict is an error."""

    def one(call: dict[str, Any]) -> dict[str, Any]:
        if call["method"] not in figures:
            text = f"the method {call['method']} does not exist/is not available"
            return {"jsonrpc": "2.0", "id": call["id"], "error": {"code": -32601, "message": text}}
        return {"jsonrpc": "2.0", "id": call["id"], "result": figures[call["method"]]}

    def answer(body: Any) -> tuple[int, bytes]:  # noqa: ANN401 - JSON
        if isinstance(body, list) and not batches:
            refusal = {"jsonrpc": "2.0", "id": None, "error": {"code": -32600, "message": "batches are off"}}
            return 200, json.dumps(refusal).encode()
        reply = [one(call) for call in reversed(body)] if isinstance(body, list) else one(body)
        return 200, json.dumps(reply).encode()

    return answer


@contextmanager
def chain_server(answer: Answer) -> Iterator[ChainServer]:
    """Runs on a free port until the block ends."""
    server = ChainServer(answer)

    def post(_path: str, asked: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        body = json.loads(asked)
        server.asked.append(body)
        server.headers.append(dict(headers))
        return server.answer(body)

    with http_server(post) as server.port:
        yield server
