"""The lock files of requirements/ hold what setup.cfg asks for, each file by its hash, and name no server."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "requirements"
LOCKS = sorted(FOLDER.glob("*.txt"))
EXTRAS = {
    "publisher.txt": ["publisher"],
    "server.txt": ["server", "publisher"],
    "test.txt": ["server", "publisher", "test"],
}


def _pinned(lock: Path) -> dict[str, list[Version]]:
    """Versions by package; a package may have one for each platform or Python."""
    found: dict[str, list[Version]] = {}
    for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
        found.setdefault(canonicalize_name(name), []).append(Version(version))
    return found


def _wanted(extras: list[str]) -> list[Requirement]:
    options = configparser.ConfigParser()
    options.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [options["options"]["install_requires"], *(options["options.extras_require"][each] for each in extras)]
    lines = (line.strip() for text in texts for line in text.splitlines())
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_each_package_of_a_lock_has_its_hashes_and_no_server(lock: Path) -> None:
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split("==")[0] for entry in entries if "--hash=sha256:" not in entry] == []


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_satisfies_every_requirement_of_setup_cfg(name: str) -> None:
    pinned = _pinned(FOLDER / name)
    for wanted in _wanted(EXTRAS[name]):
        versions = pinned.get(canonicalize_name(wanted.name), [])
        assert versions, f"{wanted.name} is missing in requirements/{name}: run make lock"
        assert all(version in wanted.specifier for version in versions), f"{wanted}: run make lock"


def test_what_a_rig_installs_is_the_same_on_a_server_and_under_test() -> None:
    rig, server, test = (_pinned(FOLDER / name) for name in EXTRAS)
    assert {name: server.get(name) for name in rig} == rig
    assert {name: test.get(name) for name in server} == server
