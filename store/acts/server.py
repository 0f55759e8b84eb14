"""What people do to the server as a whole."""

from collections.abc import Callable, Sequence

from rigwatch.clock import Millis, as_iso
from store.acts.actor import Actor
from store.transaction import Transaction

_NEWEST = "SELECT max(last_report_at) FROM node"


def restored(tx: Transaction, actor: Actor, now: Millis, *, made_at: Millis, host: str) -> Millis | None:
    """Notes that this is a copy, and of when; gives the moment of the last report that is in it."""
    actor.note(tx, now, "server.restore", f"backup of {as_iso(made_at)}", detail=f"made on {host}")
    newest = tx.value(_NEWEST)
    return None if newest is None else int(newest)


def announced(
    tx: Transaction, actor: Actor, now: Millis, *, addresses: Sequence[str], write: Callable[[], None]
) -> None:
    """Rigs are told these addresses from now on; `write` has it done."""
    actor.note(tx, now, "server.move", ", ".join(addresses) or "nowhere")
    write()
