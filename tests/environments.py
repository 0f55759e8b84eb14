"""An environment as a rig has it: the packages of one extra and nothing else of what the tests have installed."""

import configparser
import importlib.metadata
import os
import sys
import venv
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement

from tests.processes import ROOT


def environment_with(folder: Path, *extras: str) -> Path:
    """The Python of a new virtual environment with rigwatch's own requirements and those of these extras."""
    venv.create(folder, symlinks=os.name != "nt")
    (site,) = folder.glob("[Ll]ib/**/site-packages")
    for name in _closure(_required(extras)):
        distribution = importlib.metadata.distribution(name)
        # Scripts stand elsewhere, behind "..".
        for top in {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            source = Path(str(distribution.locate_file(top)))
            if not (site / top).exists():
                (site / top).symlink_to(source, target_is_directory=source.is_dir())
    return next(path for place in ("bin/python", "Scripts/python.exe") if (path := folder / place).exists())


def _required(extras: Iterable[str]) -> list[str]:
    setup = configparser.ConfigParser(interpolation=None)
    setup.read(ROOT / "setup.cfg", "utf-8")
    texts = [setup["options"]["install_requires"], *(setup["options.extras_require"][each] for each in extras)]
    lines = (line.partition("#")[0].strip() for text in texts for line in text.splitlines())
    return [line for line in lines if line]


def _closure(required: Iterable[str]) -> set[str]:
    """Names of the distributions that these requirements come to on this machine."""
    found: set[str] = set()
    waiting: list[tuple[Requirement, tuple[str, ...]]] = [(Requirement(line), ("",)) for line in required]
    while waiting:
        each, extras = waiting.pop()
        wanted = each.marker is None or any(each.marker.evaluate({"extra": extra}) for extra in extras)
        if wanted and each.name not in found:
            found.add(each.name)
            lines = importlib.metadata.requires(each.name) or ()
            waiting += [(Requirement(line), ("", *each.extras)) for line in lines]
    return found


if __name__ == "__main__":
    sys.stdout.write(f"{environment_with(Path(sys.argv[1]), *sys.argv[2:])}\n")
