"""A test message through every channel, all at once, each with its own end: what hangs keeps no answer back."""

from collections.abc import Iterator, Sequence
from concurrent.futures import as_completed
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from typing import Final

from rigwatch.clock import Millis
from rigwatch.thread import start_thread
from store.outbox import StoredNotification
from subscriber.notify.channel import Channel, NotSent

LIMIT_S: Final = 50.0
"""For all of them: whoever asks sits and waits."""
_TITLE = "TEST: rigwatch can reach you"
_TEXT = "This is a test of rigwatch. If you can read it, this channel works."


@dataclass(frozen=True, slots=True)
class Tried:
    """What became of one; `why` is what the other side said."""

    channel: str
    ok: bool
    why: str

    def shown(self) -> dict[str, object]:
        return asdict(self)


def try_all(channels: Sequence[Channel], *, now: Millis, limit: float) -> Iterator[Tried]:
    """In the order in which they answer; those that have not after `limit` seconds come last."""
    trials = {start_thread(partial(_try, each, now, limit), name=f"test {each.key}"): each.key for each in channels}
    with suppress(TimeoutError):
        for trial in as_completed(trials, limit + 1):
            del trials[trial]
            yield trial.result()
    missing = sorted(trials.values())
    yield from (Tried(key, ok=False, why=f"no answer within {limit:g} s; it may have arrived") for key in missing)


def _try(channel: Channel, now: Millis, limit: float) -> Tried:
    try:
        message = StoredNotification(0, channel.key, "test", "info", _TITLE, _TEXT, (), now)
        channel.sender.send(message, timeout=min(channel.timeout, limit))
    except NotSent as exc:
        return Tried(channel.key, ok=False, why=str(exc))
    except BaseException as exc:  # noqa: BLE001 - a plugin's defect is that channel's answer; its text may hold an address
        return Tried(channel.key, ok=False, why=f"{type(exc).__name__} in the sender itself")
    return Tried(channel.key, ok=True, why="took the message")
