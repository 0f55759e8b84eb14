"""Telegram both ways, against a local server that speaks the Bot API's requests."""

import json
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from rigwatch.home import Home
from rigwatch.settings.alerts import TelegramSettings
from rigwatch.settings.loader import Secret
from subscriber.store import Store, alerts, silences
from tests.integration.subscriber.alerts.test_delivery import a_lost_node, configured
from tests.integration.subscriber.running import prepare, subscribing
from tests.mosquitto import Mosquitto
from tests.rigs import rig
from tests.waiting import eventually_async
from tests.webhook import Webhook

TOKEN, CHAT = "123456:ABC", -1001


@dataclass(slots=True)
class BotApi:
    """Keeps what is called; `say` and `press` are what people do. `refusals` are answered before anything works."""

    port: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    updates: "queue.Queue[dict[str, Any]]" = field(default_factory=queue.Queue)
    refusals: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    number: int = 0

    def sent(self) -> list[dict[str, Any]]:
        return [arguments for method, arguments in self.calls if method == "sendMessage"]

    def say(self, text: str, chat: int = CHAT) -> None:
        self._update({"message": {"chat": {"id": chat}, "from": {"username": "ann"}, "text": text}})

    def press(self, data: str, chat: int = CHAT) -> None:
        person = {"username": "ann"}
        self._update({"callback_query": {"id": "7", "from": person, "message": {"chat": {"id": chat}}, "data": data}})

    def _update(self, update: dict[str, Any]) -> None:
        self.number += 1
        self.updates.put({"update_id": self.number, **update})


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_POST(self) -> None:
        arguments = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        token, method = self.path.removeprefix("/bot").split("/")
        api = self.server.api
        if token != TOKEN:
            return self._answer(401, {"ok": False, "description": "Unauthorized"})
        if method == "getUpdates":
            try:
                return self._answer(200, {"ok": True, "result": [api.updates.get(timeout=0.3)]})
            except queue.Empty:
                return self._answer(200, {"ok": True, "result": []})
        api.calls.append((method, arguments))
        if api.refusals:
            return self._answer(*api.refusals.pop(0))
        return self._answer(200, {"ok": True, "result": {}})

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


def telegram(api: BotApi, token: str = TOKEN) -> TelegramSettings:
    return TelegramSettings(token=Secret(token), chats=(CHAT,), api=f"http://127.0.0.1:{api.port}")


async def test_a_message_has_buttons_and_they_work(home: Home, mosquitto: Mosquitto, local: Store) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(api.sent, what="the message")
            (message,) = api.sent()
            ack, mute = message["reply_markup"]["inline_keyboard"][0]
            api.press(ack["callback_data"])
            acknowledged = await eventually_async(lambda: local.look(alerts.acknowledged), what="the ack is stored")
            api.press(mute["callback_data"])
            (muted,) = await eventually_async(
                lambda: local.look(lambda work: silences.running(work, 0)), what="the mute is stored"
            )
    assert message["chat_id"] == CHAT
    assert message["text"].startswith("CRITICAL: garage/rig1 lost")
    assert "parse_mode" not in message
    assert [each.by for each in acknowledged.values()] == ["ann (Telegram)"]
    assert (muted.matcher.site, muted.matcher.node, muted.matcher.rule) == ("garage", "rig1", "lost")


async def test_questions_are_answered_and_strangers_are_not(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(api.sent, what="the message")
            api.say("/status", chat=666)
            api.press("ack 1", chat=666)
            for question in ("/status", "/down@rigs_bot", "/node rig1", "/node nobody", "/what"):
                api.say(question)
            await eventually_async(lambda: len(api.sent()) == 6, what="five answers")
    answers = [each["text"] for each in api.sent()[1:]]
    assert {each["chat_id"] for each in api.sent()} == {CHAT}
    assert "1 lost" in answers[0]
    assert "garage/rig1 lost" in answers[1]
    assert "lost for" in answers[2]
    assert answers[3] == "no node is called nobody"
    assert "/down" in answers[4]


async def test_too_many_requests_are_waited_for_as_long_as_telegram_says(home: Home, mosquitto: Mosquitto) -> None:
    prepare(home, rig("rig1", "garage"))
    with bot_api() as api:
        slow_down = {"ok": False, "description": "Too Many Requests", "parameters": {"retry_after": 1}}
        api.refusals.append((429, slow_down))
        wanted = configured(mosquitto.port, Webhook(), channels=(), telegram=telegram(api))
        async with subscribing(home, wanted):
            await a_lost_node(mosquitto.port)
            await eventually_async(lambda: len(api.sent()) == 2, what="the second attempt")
    assert "second copy" not in api.sent()[1]["text"]
