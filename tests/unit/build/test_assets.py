"""The dashboard's third-party files: locked, licensed, fetched once, and a clear line when they cannot be."""

import json
import shutil
from pathlib import Path

import pytest

from _build import assets
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
LOCKS = [ROOT / "frontend" / "package-lock.json", ROOT / "tests" / "npm" / "package-lock.json"]


@pytest.fixture
def vendor(tmp_path: Path) -> Path:
    """A folder that holds all files and today's lock."""
    folder = tmp_path / "vendor"
    for place in assets.FILES.values():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        (folder / place).write_text("content", encoding="utf-8")
    shutil.copy(assets.LOCK, folder)
    return folder


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.parent.name)
def test_a_lock_fixes_each_package_and_names_no_server(lock: Path) -> None:
    packages = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    fetched = {name: entry for name, entry in packages.items() if name and not entry.get("inBundle")}
    assert fetched
    assert [name for name, entry in fetched.items() if not entry.get("integrity", "").startswith("sha512-")] == []
    assert [name for name, entry in packages.items() if "resolved" in entry] == []


def test_each_library_comes_with_its_licence() -> None:
    libraries = {place.split("/")[0] for place in assets.FILES.values()}
    assert libraries == {place.split("/")[0] for place in assets.FILES.values() if "LICENSE" in place}


def test_what_is_there_is_not_fetched_again(vendor: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assets.fetch(vendor)
    assert assets.current(vendor)


def test_a_missing_file_is_noticed(vendor: Path) -> None:
    (vendor / "uplot" / "LICENSE").unlink()
    assert not assets.current(vendor)


def test_files_of_another_lock_are_noticed(vendor: Path) -> None:
    (vendor / assets.LOCK.name).write_text("{}", encoding="utf-8")
    assert not assets.current(vendor)


def test_without_the_registry_it_says_so_and_leaves_what_was_there(
    vendor: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (vendor / assets.LOCK.name).write_text("{}", encoding="utf-8")
    before = {path: path.read_bytes() for path in vendor.rglob("*") if path.is_file()}
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{free_port()}/")
    monkeypatch.setenv("npm_config_fetch_retries", "0")
    monkeypatch.setenv("npm_config_cache", str(vendor.parent / "cache"))
    with pytest.raises(assets.AssetsError, match="`npm ci` failed, so the dashboard's scripts could not be fetched"):
        assets.fetch(vendor)
    assert {path: path.read_bytes() for path in vendor.rglob("*") if path.is_file()} == before
