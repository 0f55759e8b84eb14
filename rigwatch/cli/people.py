"""Who does something and why: the options that every record of a person's doing needs."""

import getpass
from typing import Annotated

import typer

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
