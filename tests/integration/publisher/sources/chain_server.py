"""An HTTP server that answers as some chain client would: well, badly, slowly or not at all."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

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

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append(body)
            server.headers.append(dict(self.headers.items()))
            status, data = server.answer(body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.port = http.server_address[1]
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()
