"""What people decide about the channels of the alerts."""

from collections.abc import Callable

from rigwatch.clock import Millis
from store.acts.actor import Actor
from store.transaction import Transaction


def test(tx: Transaction, actor: Actor, now: Millis, begin: Callable[[], None]) -> None:
    """`begin` sends a test message through each of them."""
    actor.note(tx, now, "channel.test", "all channels")
    begin()
