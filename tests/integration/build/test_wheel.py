"""The wheel that servers and rigs install holds what they need, and a rig's part loads nothing of a server's."""

import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from _build.assets import FILES
from tests.processes import ROOT, clean_environment

# What a rig must never load: the web server, the database, the broker.
_SERVER_ONLY = ["a2wsgi", "amqtt", "flask", "flask_httpauth", "peewee", "playhouse", "psycopg", "uvicorn"]
_LEFT_OUT = shutil.ignore_patterns(
    ".*cache", ".git", ".rigwatch", ".venv", "*.egg-info", "__pycache__", "build", "dist", "node_modules"
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.Path:
    """The wheel built from a copy of the sources, since a build leaves its traces where it runs."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(ROOT, folder / "sources", ignore=_LEFT_OUT)
    command: list[str | Path] = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        folder,
        folder / "sources",
    ]
    subprocess.run(command, check=True, timeout=110)
    (built,) = folder.glob("*.whl")
    return zipfile.Path(built)


def names(wheel: zipfile.Path) -> set[str]:
    return set(wheel.root.namelist())


def test_it_holds_the_dashboard_with_all_that_its_pages_load(wheel: zipfile.Path) -> None:
    assert "web/agent/install.sh" in names(wheel)
    assert {f"web/static/vendor/{place}" for place in FILES.values()} <= names(wheel)
    data = [*ROOT.glob("web/templates/**/*"), *ROOT.glob("web/static/**/*")]
    expected = {path.relative_to(ROOT).as_posix() for path in data if path.is_file()}
    assert expected <= names(wheel)


def test_it_holds_the_packages_and_nothing_of_the_repository(wheel: zipfile.Path) -> None:
    tops = {name.split("/")[0] for name in names(wheel) if ".dist-info/" not in name}
    assert tops == {"alerts", "broker", "cli", "legacy", "publisher", "rigwatch", "store", "subscriber", "web"}
    sources = {path.relative_to(ROOT).as_posix() for top in tops for path in ROOT.glob(f"{top}/**/*.py")}
    assert sources == {name for name in names(wheel) if name.endswith(".py")}


def test_a_rig_installs_no_server(wheel: zipfile.Path) -> None:
    (information,) = (name for name in names(wheel) if name.endswith(".dist-info/METADATA"))
    wanted = Parser().parsestr((wheel / information).read_text(encoding="utf-8")).get_all("Requires-Dist") or []
    rig = {line.split(";")[0].lower() for line in wanted if "extra" not in line or 'extra == "publisher"' in line}
    assert {"paho-mqtt", "cryptography", "psutil"} <= {line.rstrip("<>=!~,.0123456789") for line in rig}
    assert not [line for line in rig if line.startswith(("flask", "amqtt", "peewee", "psycopg", "uvicorn", "a2wsgi"))]


@pytest.mark.parametrize("module", ["cli", "publisher.agent", "publisher.simulation"])
def test_a_rigs_part_loads_nothing_of_a_server(module: str) -> None:
    program = f"import sys, {module}; print(*sorted(set({_SERVER_ONLY}) & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        env=clean_environment(),
    )
    assert done.stdout.split() == []
