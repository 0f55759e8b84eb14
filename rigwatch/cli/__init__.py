"""The command line: the only place that knows every part, and imports each only when it is asked for."""
import typer

app = typer.Typer(no_args_is_help=True, add_completion=False)


def main() -> None:
    """Runs the command named by the process's arguments."""
    app()
