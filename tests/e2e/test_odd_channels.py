"""`serve` and `test-alert` as processes, while Telegram and the heartbeat answer as nobody has written down."""

import json
import signal

import pytest

from alerts.incident import NotificationKind
from alerts.notification import Notification
from alerts.rule import Severity
from rigwatch.clock import SystemClock
from rigwatch.home import Home
from store import open_store, outbox
from tests.e2e.station import START_S, Station
from tests.fuzz.answers import answering

CHAT = -1001
ODD = {
    "a body that is cut off": b'HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"ok": true',
    "a date in Retry-After": b"HTTP/1.1 503 No\r\nRetry-After: Wed, 21 Oct 2015 07:28:00 GMT\r\n\r\n",
    "parameters that are null": b'HTTP/1.1 429 No\r\nContent-Length: 32\r\n\r\n{"ok": false, "parameters": null}'[:-1],
    "a line that is no HTTP": b"SSH-2.0-OpenSSH_9.2\r\n",
}


def configure(station: Station, port: int) -> None:
    with (station.home / "server.toml").open("a", encoding="utf-8") as file:
        file.write(
            f'\n[alerts.telegram]\ntoken = "123456:ABC"\nchats = [{CHAT}]\napi = "http://127.0.0.1:{port}"\n'
            f'[alerts.heartbeat]\nurl = "http://127.0.0.1:{port}/ping"\nevery = "1s"\n'
        )


def leave_unsent(station: Station) -> None:
    """As an earlier process did that died before the message went out."""
    store = open_store("sqlite:///rigwatch.db", Home(station.home))
    notification = Notification(
        f"telegram:{CHAT}", NotificationKind.FIRST, Severity.CRITICAL, "CRITICAL: garage/rig1 lost", "", (1,)
    )
    with store.write() as tx:
        outbox.add(tx, [notification], 1, SystemClock().now())
    store.close()


@pytest.mark.parametrize("what", ODD)
def test_serve_runs_on_with_a_message_that_cannot_be_sent(station: Station, what: str) -> None:
    with answering() as elsewhere:
        elsewhere.answer = ODD[what]
        configure(station, elsewhere.port)
        leave_unsent(station)
        serve = station.rigwatch.start("serve")
        serve.wait_for("message not sent, will try again", timeout=START_S)
        serve.wait_for("the heartbeat address does not answer|connected to the broker", timeout=START_S)
        serve.wait_for("the Telegram bot cannot be asked for news", timeout=START_S)
        serve.process.send_signal(signal.SIGTERM)
        assert serve.wait(timeout=START_S) == 0
    text = serve.text()
    assert "Traceback" not in text
    assert "could not start" not in text
    assert "starts again" not in text
    assert text.count("message not sent") == 1


@pytest.mark.parametrize("what", ODD)
def test_test_alert_says_in_a_line_what_it_got(station: Station, what: str) -> None:
    with answering() as elsewhere:
        elsewhere.answer = ODD[what]
        configure(station, elsewhere.port)
        done = station.rigwatch.run("test-alert", "--json")
    (line,) = [json.loads(each) for each in done.stdout.splitlines()]
    assert (line["channel"], line["ok"]) == (f"telegram:{CHAT}", False)
    assert (done.returncode, done.stderr) == (1, "")
