"""What an import says: a line for each thing that was found, taken, kept or left, and the next steps in order."""

import typer

from rigwatch.texts import visible


class ImportReport:
    """`dry`: nothing is changed, and every line tells what would be."""

    def __init__(self, *, dry: bool) -> None:
        self.dry = dry
        self._steps: list[str] = []
        if dry:
            typer.echo("dry run: nothing is changed")

    def line(self, what: str, subject: str, text: str = "") -> None:
        """`what` is one of found, taken, there, kept, left. Names of the old installation are anybody's words."""
        typer.echo(visible(f"{what:<6} {subject}{': ' if text else ''}{text}"))

    def step(self, text: str, *further: str) -> None:
        """Something that is left to do for whoever reads this; `further` are lines to copy, whole."""
        self._steps.append("\n".join([visible(text), *(f"     {visible(line)}" for line in further)]))

    def end(self) -> None:
        steps = dict.fromkeys(self._steps)
        if steps:
            typer.echo("next")
        for number, step in enumerate(steps, start=1):
            typer.echo(f"  {number}. {step}")


def counted(count: int, one: str, many: str = "") -> str:
    """`1 row`, `12,000 rows`."""
    return f"{count:,} {one if count == 1 else many or f'{one}s'}"
