"""Refusals of real mail dialogues and web servers through Apprise: whose fault they are, and in whose words."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from alerts.notification import NotificationText
from store.outbox import StoredNotification
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import NotSent
from subscriber.notify.fit import fit
from tests.fake_clock import START
from tests.mail import CLOSE, HANG, MailServer, mail_server
from tests.waiting import eventually
from tests.webhook import Webhook, webhook

MESSAGE = StoredNotification(
    1, "mail", "first", "critical", "CRITICAL: garage/rig1 lost", "since 14:03", (1,), START, 1
)


@pytest.fixture(name="mail")
def _mail() -> Iterator[MailServer]:
    with mail_server() as server:
        yield server


def refusal(url: str, timeout: float = 10.0) -> NotSent:
    with pytest.raises(NotSent) as caught:
        AppriseSender(url, "x").send(MESSAGE, timeout=timeout)
    return caught.value


def mail_refused(mail: MailServer, answers: dict[str, str], timeout: float = 10.0) -> NotSent:
    mail.answers = answers
    return refusal(mail.url("ann@y.example"), timeout)


def test_a_mail_that_is_taken_is_taken_once(mail: MailServer) -> None:
    AppriseSender(mail.url("ann@y.example"), "mail").send(MESSAGE, timeout=10)
    ((recipient, text),) = mail.taken
    assert recipient == "ann@y.example"
    assert "Subject: CRITICAL: garage/rig1 lost" in text


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("AUTH", "535 5.7.8 Username and Password not accepted"),
        ("AUTH", "534 5.7.9 Application-specific password required"),
        ("RCPT", "550 5.1.1 The email account that you tried to reach does not exist"),
        ("RCPT", "551 5.1.6 User has moved"),
        ("MAIL", "553 5.7.1 Sender address rejected: not owned by user"),
        ("MAIL", "530 5.7.0 Must issue a STARTTLS command first"),
        (".", "554 5.7.1 Relay access denied"),
    ],
)
def test_a_mail_server_that_refuses_for_good_is_seen_as_such(mail: MailServer, command: str, said: str) -> None:
    failed = mail_refused(mail, {command: said})
    assert (failed.permanent, failed.maybe) == (True, False)
    assert f"the mail server says: {said}" in str(failed)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("RCPT", "451 4.7.1 Greylisted, come back later"),
        ("RCPT", "552 5.2.2 Mailbox full"),
        ("MAIL", "421 4.3.2 Shutting down"),
        ("AUTH", "454 4.7.0 Temporary authentication failure"),
    ],
)
def test_a_mail_server_that_has_a_bad_day_is_tried_again(mail: MailServer, command: str, said: str) -> None:
    failed = mail_refused(mail, {command: said})
    assert (failed.permanent, failed.text, failed.maybe) == (False, False, False)
    assert said in str(failed)


@pytest.mark.parametrize("said", ["554 5.6.0 Message content rejected as spam", "552 5.3.4 Message size exceeds limit"])
def test_a_mail_that_is_not_liked_is_that_mails_affair(mail: MailServer, said: str) -> None:
    failed = mail_refused(mail, {".": said})
    assert (failed.permanent, failed.text) == (False, True)


@pytest.mark.parametrize(("command", "maybe"), [("MAIL", True), (".", True), ("EHLO", False), ("AUTH", False)])
@pytest.mark.parametrize("what", [HANG, CLOSE])
def test_only_a_mail_that_was_under_way_may_have_arrived(
    mail: MailServer,
    what: str,
    command: str,
    *,
    maybe: bool,
) -> None:
    failed = mail_refused(mail, {command: what}, timeout=0.5)
    assert (failed.permanent, failed.maybe) == (False, maybe)


def test_no_part_of_a_mail_address_gets_into_the_reason(mail: MailServer) -> None:
    failed = mail_refused(mail, {"RCPT": "550 5.1.1 ann@y.example: s3cret-word for rig@x.example"})
    assert not [each for each in ("ann@y.example", "rig@x.example", "s3cret-word") if each in str(failed)]


def test_of_several_recipients_who_has_it_does_not_get_it_again(mail: MailServer) -> None:
    mail.answers = {"RCPT bob@y.example": "451 4.7.1 later"}
    sender = AppriseSender(mail.url("ann@y.example", "bob@y.example"), "mail")
    with pytest.raises(NotSent) as caught:
        sender.send(MESSAGE, timeout=10)
    assert (caught.value.partly, caught.value.permanent) == (True, False)
    mail.answers = {}
    sender.send(MESSAGE, timeout=10)
    assert [recipient for recipient, _ in mail.taken] == ["ann@y.example", "bob@y.example"]


def failing(url: str, status: int, answer: str) -> NotSent:
    with webhook() as hook:
        hook.status, hook.answer = status, answer.encode()
        return refusal(url.format(f"127.0.0.1:{hook.port}"))


NTFY, JSON, GOTIFY = "ntfy://{}/my-topic", "json://{}/x", "gotify://{}/Gotify-Token-1"
MATTERMOST = "mmost://{}/abcdefghijklmnopqrstuvwx"


@pytest.mark.parametrize(
    ("url", "status", "said", "what"),
    [
        (NTFY, 403, '{"code":40301,"http":403,"error":"forbidden"}', "permanent"),
        (NTFY, 401, '{"code":40101,"http":401,"error":"unauthorized"}', "permanent"),
        (NTFY, 413, '{"code":41301,"http":413,"error":"attachment too large"}', "text"),
        (NTFY, 429, '{"code":42901,"http":429,"error":"limit reached: too many requests"}', "wait"),
        (NTFY, 507, '{"code":50701,"http":507,"error":"cannot publish"}', "later"),
        (GOTIFY, 401, '{"error":"Unauthorized","errorCode":401}', "permanent"),
        (MATTERMOST, 404, '{"message":"Couldn\'t find the webhook."}', "permanent"),
        (MATTERMOST, 400, '{"message":"Unable to parse incoming data."}', "text"),
        (JSON, 400, '{"token":"invalid","errors":["application token is invalid, see /"]}', "permanent"),
        (JSON, 400, '{"content":["Must be 2000 or fewer in length."]}', "text"),
        (JSON, 404, '{"message": "Unknown Webhook", "code": 10015}', "permanent"),
        (JSON, 410, "channel_is_archived", "permanent"),
        (JSON, 302, "", "later"),
        (JSON, 500, "forbidden", "later"),
        (JSON, 504, "", "maybe"),
    ],
)
def test_a_service_that_refuses_says_whose_fault_it_is(url: str, status: int, said: str, what: str) -> None:
    failed = failing(url, status, said)
    seen = {
        "permanent": failed.permanent, "text": failed.text, "wait": failed.retry_after > 0, "maybe": failed.maybe
    }  # fmt: skip
    assert [name for name, is_so in seen.items() if is_so] == ([what] if what != "later" else []), str(failed)


def test_the_services_own_words_are_told() -> None:
    failed = failing(JSON, 404, '{"message": "Unknown Webhook", "code": 10015}')
    assert "Unknown Webhook" in str(failed)
    assert "error=404" in str(failed)


def test_a_server_that_is_not_there_is_said_to_refuse_the_connection() -> None:
    assert "(Connection refused)" in str(refusal("json://127.0.0.1:1/x"))


def long_message() -> StoredNotification:
    lines = "\n".join(f"garage/rig{number} lost 😀" for number in range(800))
    return StoredNotification(
        1, "x", "first", "critical", "800 messages: lost (may be a second copy)", lines, (1,), START, 1
    )


def test_a_message_longer_than_the_service_takes_is_cut_at_a_line_and_says_so() -> None:
    def told(hook: Webhook) -> str:
        AppriseSender(MATTERMOST.format(f"127.0.0.1:{hook.port}"), "x").send(long_message(), timeout=10)
        return str(hook.deliveries[-1].body["text"])

    with webhook() as hook:
        text = told(hook)
    assert len(text.encode("utf-16-le")) // 2 <= 4000
    assert text.startswith("800 messages: lost (may be a second copy)")
    assert "more lines" in text.splitlines()[-1]


def test_ntfy_gets_text_and_never_a_file() -> None:
    with webhook() as hook:
        AppriseSender(NTFY.format(f"127.0.0.1:{hook.port}"), "x").send(long_message(), timeout=10)
    (delivery,) = hook.deliveries
    assert len(delivery.body["message"].encode()) <= 4096
    assert "more lines" in delivery.body["message"]


def test_messages_under_way_at_once_do_not_share_a_plugin() -> None:
    with webhook() as hook:
        hook.hold = threading.Event()
        sender = AppriseSender(JSON.format(f"127.0.0.1:{hook.port}"), "x")
        threads = [threading.Thread(target=sender.send, args=(MESSAGE,), kwargs={"timeout": 30}) for _ in range(3)]
        for thread in threads:
            thread.start()
        eventually(lambda: len(hook.deliveries) == 3, what="all are under way")
        hook.hold.set()
        for thread in threads:
            thread.join()
    assert len({id(each[0]) for each in sender._idle}) == 3


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_asks_for_patience_gets_it(status: int) -> None:
    with webhook() as hook:
        hook.status, hook.headers = status, {"Retry-After": "77"}
        assert refusal(JSON.format(f"127.0.0.1:{hook.port}")).retry_after == 77


def test_an_answer_without_end_is_left_and_its_status_counts() -> None:
    with streaming(b"HTTP/1.1 200 OK\r\n\r\n") as port:
        AppriseSender(JSON.format(f"127.0.0.1:{port}"), "x").send(MESSAGE, timeout=10)
    with streaming(b"HTTP/1.1 403 No\r\n\r\n", pause=0.05) as port:
        assert refusal(JSON.format(f"127.0.0.1:{port}"), timeout=0.5).permanent


@contextmanager
def streaming(head: bytes, pause: float = 0.0) -> Iterator[int]:
    """A server that never comes to an end, as fast as it can or in drops."""
    stop = threading.Event()

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(head)
            while not stop.wait(pause):
                connection.sendall(b"x" if pause else b"x" * 65_536)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,), daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        stop.set()
    thread.join(5)


@pytest.mark.parametrize(
    "url",
    [
        "discord://123456789012345678/AbC-d_f-gh", "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#rigs",
        "pover://uuuuuuuuuuuuuuuuuuuuuuuuuuuuuu@aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "tgram://123456789:abcdefg_hij/-1001",
        "ntfy://rigs", "mmost://h.example/abcdefghijklmnopqrstuvwx", "mailto://a:b@x.example", "gotify://h/Gotify-Token-1",
    ],
)  # fmt: skip
def test_every_service_gets_no_more_than_it_takes(url: str) -> None:
    sender = AppriseSender(url, "x")
    sender.warm_up()
    plugin = sender._idle[0][0]
    message = long_message()
    text = fit(NotificationText(message.title, message.body), sender._room(plugin))
    together = plugin.overflow_amalgamate_title or plugin.title_maxlen <= 0
    assert len(text.body.encode("utf-16-le")) // 2 + (len(text.title) if together else 0) <= plugin.body_maxlen
    assert len(text.title) <= (plugin.title_maxlen or plugin.body_maxlen)
    assert text.title.endswith("(may be a second copy)")
