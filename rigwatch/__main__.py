"""Lets `python -m rigwatch` stand for the `rigwatch` command, which is how the supervisor starts its parts."""

from rigwatch.cli import main

if __name__ == "__main__":
    main()
