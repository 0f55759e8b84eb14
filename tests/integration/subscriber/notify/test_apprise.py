"""What Apprise makes of a channel that fails, hangs or is not there; and that no address gets into a reason."""

import threading

import pytest

from store.outbox import StoredNotification
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import NotSent
from tests.fake_clock import START
from tests.ports import free_port
from tests.webhook import Webhook, webhook

MESSAGE = StoredNotification(1, "web", "first", "critical", "CRITICAL: garage/rig1 lost", "since 14:03", (1,), START, 1)
SECRETS = ("hunter2", "T0ken-in-the-path", "apikey-in-the-query")


def address(port: int) -> str:
    return f"json://ann:{SECRETS[0]}@127.0.0.1:{port}/hook/{SECRETS[1]}?+X-Key={SECRETS[2]}"


def refusal(url: str, timeout: float = 5.0) -> NotSent:
    with pytest.raises(NotSent) as caught:
        AppriseSender(url, "web").send(MESSAGE, timeout=timeout)
    return caught.value


def failing(status: int) -> NotSent:
    with webhook() as hook:
        hook.status = status
        return refusal(address(hook.port))


def test_a_message_that_is_taken_is_plain_text() -> None:
    with webhook() as hook:
        AppriseSender(address(hook.port), "web").send(MESSAGE, timeout=5)
    (delivery,) = hook.deliveries
    assert (delivery.title, delivery.body["message"]) == (MESSAGE.title, MESSAGE.body)


@pytest.mark.parametrize("status", [500, 502, 503])
def test_a_server_in_trouble_is_tried_again(status: int) -> None:
    failed = failing(status)
    assert (failed.permanent, failed.retry_after) == (False, 0)
    assert str(status) in str(failed)


def test_one_that_is_asked_too_often_is_given_time() -> None:
    failed = failing(429)
    assert not failed.permanent
    assert failed.retry_after >= 10


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_an_address_that_is_wrong_is_refused_for_good(status: int) -> None:
    assert failing(status).permanent


def test_a_text_that_is_not_liked_is_no_reason_to_give_up_the_channel() -> None:
    assert not failing(400).permanent


def test_a_server_that_is_not_there_is_tried_again() -> None:
    assert not refusal(address(free_port())).permanent


def test_one_that_hangs_is_left_after_its_time_and_may_have_taken_it() -> None:
    with webhook() as hook:
        hook.hold = threading.Event()
        failed = refusal(address(hook.port) + "&rto=0.3")
        hook.hold.set()
    assert not failed.permanent
    assert failed.maybe


@pytest.mark.parametrize("status", [401, 429, 500, None])
def test_no_part_of_the_address_gets_into_the_reason(status: int | None) -> None:
    failed = refusal(address(free_port())) if status is None else failing(status)
    assert not [secret for secret in SECRETS if secret in str(failed)]


def test_what_a_service_repeats_of_the_address_is_left_out() -> None:
    def echoing(hook: Webhook) -> NotSent:
        hook.status, hook.answer = 401, f"Unauthorized: {SECRETS[1]} for {SECRETS[0]}".encode()
        return refusal(address(hook.port))

    with webhook() as hook:
        failed = echoing(hook)
    assert failed.permanent
    assert not [secret for secret in SECRETS if secret in str(failed)]
