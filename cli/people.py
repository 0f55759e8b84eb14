"""Who does something and why: the options that every record of a person's doing needs, and the record itself."""

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from rigwatch.clock import Millis

if TYPE_CHECKING:
    from store.transaction import Transaction

Author = Annotated[str, typer.Option("--by", help="Who you are [default: the user of this machine].")]
Why = Annotated[str, typer.Option("--why", help="Why, for whoever reads it later.")]


def author_of(by: str) -> str:
    """The name that was given, else that of the machine's user."""
    if by:
        return by
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A service account without a name.
        return "somebody at the terminal"


def recorded(
    do: "Callable[[Transaction], None]", action: str, subject: str, *, detail: str = "", by: str = "", now: Millis
) -> "Callable[[Transaction], None]":
    """`do` and its line in the audit list, for one transaction of the store."""
    from store import audit

    def both(tx: "Transaction") -> None:
        do(tx)
        who = f"{author_of(by)} (command line)"
        audit.record(tx, who=who, action=action, subject=subject, detail=detail, now=now)

    return both
