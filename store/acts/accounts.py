"""What people decide about third parties' MQTT accounts.

They stand in a file that the broker reads and the store knows nothing of, so each act is given what changes the file.
As with keys (`store.acts.nodes`), the line is written first, then the file, and the commit is last: an account that
cannot be changed leaves no line. Should the commit fail, the file is changed, and the caller hears `StoreError`.
"""

from collections.abc import Callable

from rigwatch.clock import Millis
from store.acts.actor import Actor
from store.transaction import Transaction


def add(tx: Transaction, actor: Actor, now: Millis, name: str, *, change: Callable[[], str], rights: str) -> str:
    """`change` adds it to the file and returns its password, a secret; `rights` says for the line what it may."""
    actor.note(tx, now, "account.add", name, detail=rights)
    return change()


def set_password(tx: Transaction, actor: Actor, now: Millis, name: str, *, change: Callable[[], str]) -> str:
    """`change` gives it a new password in the file and returns that, a secret."""
    actor.note(tx, now, "account.password", name)
    return change()


def remove(tx: Transaction, actor: Actor, now: Millis, name: str, *, change: Callable[[], None]) -> None:
    """`change` takes it out of the file."""
    actor.note(tx, now, "account.remove", name)
    change()
