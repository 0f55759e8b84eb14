"""What a proxy, or a server that is none, answers instead of Telegram and the heartbeat's address, byte by byte."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from rigwatch.http import ANSWER_MAX, WAIT_MAX_S, HttpError, ask
from subscriber.notify.channel import NotSent
from subscriber.notify.telegram import Bot, Moved
from tests.fuzz.answers import Answering, answering

TOKEN = "123456:ABC-def_1"


def http(status: str, body: bytes, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


ODD = {
    "a date in Retry-After": http("503 Service Unavailable", b"", "Retry-After: Wed, 21 Oct 2035 07:28:00 GMT"),
    "a Retry-After that is none": http("503 No", b"", "Retry-After: soon"),
    "JSON that is no object": http("200 OK", b"[1, 2]"),
    "JSON that is null": http("200 OK", b"null"),
    "ok that is no boolean": http("200 OK", b'{"ok": "yes", "result": 1}'),
    "ok that is false in a 200": http("200 OK", b'{"ok": false, "error_code": 400, "description": null}'),
    "parameters that are null": http("429 Slow", b'{"ok": false, "description": "slow", "parameters": null}'),
    "parameters that are a list": http("429 Slow", b'{"ok": false, "parameters": [1]}'),
    "a retry_after that is negative": http("429 Slow", b'{"ok": false, "parameters": {"retry_after": -5}}'),
    "a retry_after that is enormous": http(
        "429 Slow", b'{"ok": false, "parameters": {"retry_after": 1' + b"0" * 400 + b"}}"
    ),
    "a retry_after that is no number": http("429 Slow", b'{"ok": false, "parameters": {"retry_after": NaN}}'),
    "a body that is cut off": http("200 OK", b'{"ok": true, "result": {}}')[:-4],
    "a chunk that is cut off": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{",
    "a chunk without a size": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "a line that is no HTTP": b"220 mail.example ESMTP\r\n",
    "a header without end": b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000,
    "no byte at all": b"",
    "a huge body": http("200 OK", b" " * (ANSWER_MAX + 1) + b"{}"),
    "a text that is not UTF-8": http("200 OK", b'{"ok": true, "result": "\xff\xfe"}'),
    "nesting without end": http("200 OK", b'{"ok": true, "result": ' + b"[" * 200_000),
    "half a surrogate": http("403 No", b'{"ok": false, "description": "\\ud800"}'),
    "a redirect": http("302 Found", b"", "Location: http://192.0.2.1/"),
    "a redirect to a file": http("301 Moved", b"", "Location: file:///etc/passwd"),
    "a page for people": http("403 Forbidden", b"<html>Access denied</html>"),
}


@pytest.fixture(name="server")
def _server() -> Iterator[Answering]:
    with answering() as server:
        yield server


def refusal(server: Answering, answer: bytes) -> NotSent:
    server.answer = answer
    with pytest.raises(NotSent) as caught:
        Bot(f"http://127.0.0.1:{server.port}", TOKEN).call("sendMessage", 5)
    return caught.value


@pytest.mark.parametrize("what", ODD)
def test_it_makes_one_failed_attempt_of(server: Answering, what: str) -> None:
    failed = refusal(server, ODD[what])
    assert 0 <= failed.retry_after <= WAIT_MAX_S
    assert str(failed).isprintable()
    assert TOKEN not in str(failed)


@pytest.mark.parametrize("what", ODD)
def test_a_heartbeat_is_answered_or_not_by(server: Answering, what: str) -> None:
    server.answer = ODD[what]
    try:
        answer = ask(f"http://127.0.0.1:{server.port}/ping", timeout=5, most=0)
    except HttpError as exc:
        assert str(exc).isprintable()  # noqa: PT017 - either is right
    else:
        assert answer.body == b""


def test_it_believes_a_refusal_only_in_telegrams_own_words(server: Answering) -> None:
    assert not refusal(server, http("403 Forbidden", b"<html>Access denied</html>")).permanent
    own = b'{"ok": false, "error_code": 403, "description": "Forbidden: bot was blocked by the user"}'
    assert refusal(server, http("403 Forbidden", own)).permanent


def test_it_tells_a_chat_that_is_wrong_from_a_text_that_is(server: Answering) -> None:
    chat = refusal(server, http("400 Bad", b'{"ok": false, "error_code": 400, "description": "chat not found"}'))
    text = refusal(server, http("400 Bad", b'{"ok": false, "error_code": 400, "description": "message is too long"}'))
    assert (chat.permanent, chat.text) == (True, False)
    assert (text.permanent, text.text) == (False, True)


@pytest.mark.parametrize(
    ("body", "maybe"), [(b"<html>Welcome, guest</html>", False), (b'{"ok": tr', True), (b"", True)]
)
def test_only_what_telegram_may_have_said_counts_as_perhaps_taken(
    server: Answering, body: bytes, *, maybe: bool
) -> None:
    assert refusal(server, http("200 OK", body)).maybe is maybe


def test_it_waits_as_long_as_a_proxy_asks(server: Answering) -> None:
    assert refusal(server, http("503 No", b"", "Retry-After: 120")).retry_after == 120


def test_a_group_that_moved_says_where(server: Answering) -> None:
    body = b'{"ok": false, "error_code": 400, "description": "upgraded", "parameters": {"migrate_to_chat_id": -1002}}'
    failed = refusal(server, http("400 Bad", body))
    assert isinstance(failed, Moved)
    assert failed.to == -1002


def test_what_was_taken_without_a_result_was_taken(server: Answering) -> None:
    server.answer = http("200 OK", b'{"ok": true}')
    assert Bot(f"http://127.0.0.1:{server.port}", TOKEN).call("sendMessage", 5) is None


def test_only_what_had_gone_out_may_have_arrived(server: Answering) -> None:
    assert refusal(server, b"").maybe
    with pytest.raises(NotSent) as caught:
        Bot("http://127.0.0.1:1", TOKEN).call("sendMessage", 5)
    assert not caught.value.maybe


def test_a_server_that_drips_is_left_after_the_time_for_all_of_it() -> None:
    stop = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            while not stop.wait(0.05):
                connection.sendall(b"a")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,), daemon=True)
        thread.start()
        began = time.monotonic()
        with pytest.raises(HttpError, match="no answer within") as caught:
            ask(f"http://127.0.0.1:{listening.getsockname()[1]}/", timeout=0.5)
        stop.set()
        thread.join()
    assert caught.value.sent
    assert time.monotonic() - began < 20
