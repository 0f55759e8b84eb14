"""What of a home a backup takes, what it leaves, and what lies outside of it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from rigwatch.home import Home
from rigwatch.settings import ServerSettings

_LEFT_FOLDERS: Final = frozenset({"outbox", "backups"})
"""What this machine itself has measured and not yet stored; copies of the database."""
ASIDE: Final = "before-restore-"
"""Begins the name of the folder where a restore puts what was there."""
_DATABASE_ENDS: Final = ("", "-wal", "-shm", "-journal")
_FILE_KEYS: Final = ("tls_certificate", "tls_key", "tls_ca")


def files(home: Home, *left: Path) -> Iterator[tuple[str, Path]]:
    """Each file with its name below the home, in order. `left` are a database or other files that are not wanted."""
    unwanted = {each.with_name(each.name + end).resolve() for each in left for end in _DATABASE_ENDS}
    yield from ((name, path) for name, path in _below(home.path, "", set()) if path.resolve() not in unwanted)


def _below(folder: Path, before: str, above: set[Path]) -> Iterator[tuple[str, Path]]:
    # Links are followed, as those of a certificate that is renewed elsewhere; one that leads back up is not.
    above = {*above, folder.resolve()}
    for path in sorted(folder.iterdir()):
        name = before + path.name
        if path.name.startswith(".") or path.suffix == ".lock" or name in _LEFT_FOLDERS or name.startswith(ASIDE):
            continue
        if path.is_dir():
            if path.resolve() not in above:
                yield from _below(path, f"{name}/", above)
        elif path.is_file():
            yield name, path


def outside(home: Home, settings: ServerSettings, environ: Mapping[str, str]) -> list[str]:
    """What a server elsewhere needs and no backup of the home has: files by their path, variables by their name."""
    root = home.path.resolve()
    named = [getattr(part, key, "") for part in (settings.broker, settings.web) for key in _FILE_KEYS]
    named.append(settings.feed.broker_ca)
    paths = [str(home.path / each) for each in named if each and not (home.path / each).absolute().is_relative_to(root)]
    variables = [name for name in environ if name.startswith("RIGWATCH_") and "__" in name]
    return [*dict.fromkeys(paths), *sorted(variables)]
