"""What a command tells on its standard output, where other people's words may be in it."""

import typer

from rigwatch.texts import visible_lines


def say(text: str, *, err: bool = False) -> None:
    """As `typer.echo`, and nothing of it commands the terminal."""
    typer.echo(visible_lines(text), err=err)
