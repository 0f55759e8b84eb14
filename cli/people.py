"""Who does something at the command line, and how: by an act of the store, with its line in the audit list."""

import getpass
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Concatenate, ParamSpec, TypeVar

import typer

from cli.invocation import Invocation
from rigwatch.clock import Millis
from rigwatch.errors import NotDone, StoreError

if TYPE_CHECKING:
    from store.acts import Actor
    from store.transaction import Transaction

P = ParamSpec("P")
R = TypeVar("R")
S = TypeVar("S")

Author = Annotated[str, typer.Option("--by", help="Who you are [default: the user of this machine].")]
Why = Annotated[str, typer.Option("--why", help="Why, for whoever reads it later.")]


def actor_of(by: str) -> "Actor":
    """By the name that was given, else that of the machine's user."""
    from store.acts import Actor, Way

    return Actor(by or _user_of_this_machine(), Way.CLI)


def act(
    call: Invocation,
    by: str,
    do: "Callable[Concatenate[Transaction, Actor, Millis, P], R]",
    *args: P.args,
    **kwargs: P.kwargs,
) -> R:
    """What an act answers, in a transaction of its own."""
    with call.store() as store, store.write() as tx:
        return do(tx, actor_of(by), call.clock.now(), *args, **kwargs)


def act_on_file(
    call: Invocation,
    alone: Callable[[], S],
    do: "Callable[Concatenate[Transaction, Actor, Millis, P], R]",
    *args: P.args,
    **kwargs: P.kwargs,
) -> R | S:
    """As `act`, where the other half is a file. A key can be revoked while the database is away: then the file alone is
    changed, by `alone`, and that the line is missing is said."""
    try:
        return act(call, "", do, *args, **kwargs)
    except NotDone:
        raise
    except StoreError as exc:
        # First, for it may fail as well: then that is what there is to say.
        done = alone()
        typer.echo(f"rigwatch: not noted in the audit list: {exc}", err=True)
        return done


def _user_of_this_machine() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A service account without a name.
        return "somebody at the terminal"
