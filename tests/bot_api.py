"""Telegram's Bot API on loopback, as far as rigwatch asks it, and what people do at the other end."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

TOKEN, CHAT = "123456:ABC", -1001
ANN = {"id": 4242, "username": "ann"}


@dataclass(slots=True)
class BotApi:
    """Keeps what is called; `say` and `press` are what people do. `refusals` are answered before anything works."""

    port: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    updates: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    moved: dict[int, int] = field(default_factory=dict)
    blocked: set[int] = field(default_factory=set)
    number: int = 0

    def sent(self) -> list[dict[str, Any]]:
        return [arguments for method, arguments in self.calls if method == "sendMessage"]

    def texts(self, chat: int) -> list[str]:
        """What a chat got."""
        return [each["text"] for each in self.sent() if each["chat_id"] == chat and chat not in self.blocked]

    def toasts(self) -> list[str]:
        """What people who pressed a button read."""
        return [arguments["text"] for method, arguments in self.calls if method == "answerCallbackQuery"]

    def say(self, text: str, chat: int = CHAT, **of_chat: str) -> None:
        self._update({"message": {"chat": {"id": chat, **of_chat}, "from": ANN, "text": text}})

    def press(self, data: str, chat: int = CHAT) -> None:
        self._update({"callback_query": {"id": "7", "from": ANN, "message": {"chat": {"id": chat}}, "data": data}})

    def _update(self, update: dict[str, Any]) -> None:
        self.number += 1
        self.updates.append({"update_id": self.number, **update})

    def brought(self, offset: int) -> list[dict[str, Any]]:
        """What is not confirmed yet, as getUpdates has it; waits for a moment where there is none."""
        until = time.monotonic() + 0.3
        while not (found := [each for each in self.updates if each["update_id"] >= offset]):
            if time.monotonic() > until:
                break
            time.sleep(0.01)
        return found[:100]

    def answer(self, arguments: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """To a message, as https://core.telegram.org/bots/api has it."""
        chat = arguments.get("chat_id")
        if chat in self.moved:
            words = "Bad Request: group chat was upgraded to a supergroup chat"
            return 400, refused(400, words, migrate_to_chat_id=self.moved[chat])
        if chat in self.blocked:
            return 403, refused(403, "Forbidden: bot was blocked by the user")
        if len(arguments.get("text", "").encode("utf-16-le")) > 2 * 4096:
            return 400, refused(400, "Bad Request: message is too long")
        return 200, {"ok": True, "result": {}}


def refused(code: int, words: str, **parameters: object) -> dict[str, Any]:
    return {"ok": False, "error_code": code, "description": words, "parameters": parameters}


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token, method = self.path.removeprefix("/bot").split("/")
        api = self.server.api
        if token != TOKEN:
            return self._answer(401, {"ok": False, "description": "Unauthorized"})
        if method == "getUpdates":
            return self._answer(200, {"ok": True, "result": api.brought(arguments.get("offset", 0))})
        if method == "getMe":
            return self._answer(200, {"ok": True, "result": {"id": 123456, "is_bot": True, "username": "farm_bot"}})
        api.calls.append((method, arguments))
        return self._answer(*(api.refusals.pop(0) if api.refusals else api.answer(arguments)))

    def _answer(self, status: int, body: dict[str, Any]) -> None:
        raw = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Nothing: what came is kept."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, api: BotApi) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.api = api


@contextmanager
def bot_api() -> Iterator[BotApi]:
    api = BotApi()
    server = _Server(api)
    api.port = int(server.server_address[1])
    thread = threading.Thread(target=lambda: server.serve_forever(poll_interval=0.02), daemon=True)
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
