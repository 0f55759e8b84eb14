"""A home as `rigwatch init` makes it, made once and copied for each test that begins after that."""

import json
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.processes import Rigwatch


@dataclass(frozen=True, slots=True)
class MadeHome:
    """What `rigwatch init` made, and the dashboard's user and password that it told."""

    path: Path
    user: str
    password: str = field(repr=False)

    def copy_to(self, home: Path) -> None:
        shutil.copytree(self.path, home)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> MadeHome:
    """Made once, because it takes a second each time; to be copied, not used."""
    folder = tmp_path_factory.mktemp("made")
    rigwatch = Rigwatch(folder, folder / "home")
    made = rigwatch.run("init", "--json")
    assert made.returncode == 0, made.stderr
    access = json.loads(made.stdout)
    return MadeHome(rigwatch.home, access["user"], access["password"])


@pytest.fixture
def at_home(rigwatch: Rigwatch, made_home: MadeHome) -> Rigwatch:
    """`rigwatch` after an `init`."""
    made_home.copy_to(rigwatch.home)
    return rigwatch
