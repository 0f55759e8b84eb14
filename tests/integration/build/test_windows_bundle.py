"""The agent for Windows: a zip of what is ours that runs where its libraries are, and the lock of these."""

import hashlib
import re
import subprocess
import sys
import zipfile
from pathlib import Path

from _build.agent.bundle import PACKAGES
from _build.agent.windows import bundle
from tests.processes import clean_environment


def test_it_is_the_same_each_time_runs_from_its_folder_and_every_library_has_hashes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.zip", tmp_path / "b.zip"
    for each in (first, second):
        bundle(each)
    assert hashlib.sha256(first.read_bytes()).digest() == hashlib.sha256(second.read_bytes()).digest()
    with zipfile.ZipFile(first) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "app")
    assert {name.split("/")[0] for name in names} == {"publisher", "rigwatch", "requirements.txt"}
    assert not [name for name in names if "__pycache__" in name]
    wanted = (tmp_path / "app" / "requirements.txt").read_text()
    packages = [block for block in re.split(r"\n(?=\S)", wanted) if "==" in block]
    assert len(packages) == len(PACKAGES)
    assert all("--hash=sha256:" in block for block in packages)
    inside = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'app')!r}); import publisher.command as c; print(c.__file__); "
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", f"{inside}c.main()", "join", "--help"],
        env=clean_environment(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path / "app"))
    assert "--only-wait" in done.stdout
