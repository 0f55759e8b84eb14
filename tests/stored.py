"""What a test waits for in the store: a single question, asked again and again."""

from collections.abc import Callable
from typing import TypeVar

from store import Store
from store.transaction import Transaction

T = TypeVar("T")


def asked(store: Store, look: Callable[[Transaction], T]) -> T:
    """What `look` reads now."""
    with store.read() as tx:
        return look(tx)
