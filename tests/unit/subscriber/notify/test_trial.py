"""A test message through channels that work, fail, hang, and fall over."""

import threading

from alerts.route import Route
from store.outbox import StoredNotification
from subscriber.notify.channel import Channel, NotSent, Sender
from subscriber.notify.trial import Tried, try_all
from tests.fake_clock import START


class Doing:
    def __init__(self, exc: BaseException | None = None, until: threading.Event | None = None) -> None:
        self._exc = exc
        self._until = until

    def send(self, notification: StoredNotification, *, timeout: float) -> None:  # noqa: ARG002 - the protocol's
        if self._until:
            self._until.wait(30)
        if self._exc:
            raise self._exc


def channel(key: str, sender: Sender) -> Channel:
    return Channel(key, sender, Route(key), "hash", 100, 60.0, 20.0)


def test_each_channel_is_a_line_whatever_happens_to_it() -> None:
    never = threading.Event()
    senders = {
        "good": Doing(), "bad": Doing(NotSent("error=403")), "odd": Doing(ValueError("a token")),
        "exits": Doing(SystemExit(0)), "hangs": Doing(until=never),
    }  # fmt: skip
    channels = [channel(key, sender) for key, sender in senders.items()]
    tried = {each.channel: each for each in try_all(channels, now=START, limit=0.2)}
    never.set()
    assert tried == {
        "good": Tried("good", ok=True, why="took the message"),
        "bad": Tried("bad", ok=False, why="error=403"),
        "odd": Tried("odd", ok=False, why="ValueError in the sender itself"),
        "exits": Tried("exits", ok=False, why="SystemExit in the sender itself"),
        "hangs": Tried("hangs", ok=False, why="no answer within 0.2 s; it may have arrived"),
    }
