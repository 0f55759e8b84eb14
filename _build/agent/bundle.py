"""Makes the agent's one file: a script that unpacks what is behind it, the interpreter and all that the agent imports.

`python -m _build.agent.bundle INTERPRETER OUT`: the same bytes from the same interpreter, lock file and sources.
"""

import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parent.parent
OURS: Final = ("publisher", "rigwatch")
PACKAGES: Final = ("cffi", "cryptography", "filelock", "msgspec", "nvidia-ml-py", "paho-mqtt", "psutil")
"""Of `requirements/publisher.txt`, what the agent imports: it has no use for what the command line is made of."""
SYSTEM_FOLDER: Final = "/opt/rigwatch-agent"
"""Where root unpacks it, for everybody."""
SIZE_MAX: Final = 13_000_000
_LIBRARY: Final = Path("lib", "python3.11")
_COMPILE: Final = """
import compileall, py_compile, sys
sys.exit(not compileall.compile_dir(sys.argv[1], quiet=1, legacy=True, optimize=2, stripdir=sys.argv[1], workers=1,
                                    invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH))
"""
_IMPORT_ALL: Final = """
import importlib, pkgutil
for name in ("publisher", "rigwatch"):
    for each in pkgutil.walk_packages(importlib.import_module(name).__path__, name + "."):
        if each.name != "rigwatch.__main__":
            importlib.import_module(each.name)
"""


def bundle(interpreter: Path, out: Path) -> None:
    """Writes the file; raises SystemExit that says what is wrong with it."""
    with tempfile.TemporaryDirectory(prefix="rigwatch-agent-") as folder:
        tree = Path(folder, "tree")
        shutil.copytree(interpreter, tree, ignore=shutil.ignore_patterns("__pycache__", "*.exe"))
        library = tree / _LIBRARY
        _leave_out(library)
        _install(library, Path(folder))
        for name in OURS:
            shutil.copytree(ROOT / name, library / name, ignore=shutil.ignore_patterns("__pycache__"))
        # Empty, as everything is in the executable; without it each start says that something is missing.
        (library / "lib-dynload").mkdir(exist_ok=True)
        _compile(tree, interpreter)
        _check(tree)
        archive = _packed(tree)
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f"{out.name}.new")
    fresh.write_bytes(_script(archive) + archive)
    fresh.chmod(0o755)
    fresh.replace(out)
    size = out.stat().st_size
    sys.stdout.write(f"{out}: {size:,} bytes, sha256 {hashlib.sha256(out.read_bytes()).hexdigest()}\n")
    if size > SIZE_MAX:
        raise SystemExit(f"{out}: is larger than {SIZE_MAX:,} bytes")


def requirements() -> str:
    """The lines of the lock file, hashes and all, of the packages that the agent imports."""
    text = (ROOT / "requirements" / "publisher.txt").read_text("utf-8")
    blocks = re.split(r"\n(?=\S)", text)
    wanted = [block for block in blocks if re.split(r"[ =<>;\[]", block, maxsplit=1)[0] in PACKAGES]
    if len(wanted) != len(PACKAGES):
        raise SystemExit(f"requirements/publisher.txt: lacks one of {', '.join(PACKAGES)}")
    return "\n".join(wanted) + "\n"


def _leave_out(library: Path) -> None:
    for line in (HERE / "left_out.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            for each in library.glob(line):
                shutil.rmtree(each) if each.is_dir() else each.unlink()


def _install(library: Path, folder: Path) -> None:
    """Wheels for glibc 2.17 alone: without saying so pip takes the newest that this machine can run."""
    wanted, site = folder / "requirements.txt", folder / "site"
    wanted.write_text(requirements(), "utf-8")
    platforms = ("manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux2010_x86_64", "manylinux1_x86_64", "any")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile", "--require-hashes"]
    target = ["--only-binary=:all:", "--implementation=cp", "--python-version=3.11", f"--target={site}"]
    command = [*pip, *target, *(f"--platform={each}" for each in platforms), "-r", str(wanted)]
    subprocess.run(command, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    for name in ("bin", "cffi", "psutil/tests"):
        shutil.rmtree(site / name, ignore_errors=True)
    licences = library.parent.parent / "licences"
    for info in site.glob("*.dist-info"):
        for each in info.rglob("*"):
            if each.is_file() and re.match(r"(licen[cs]e|copying|notice)", each.name, re.IGNORECASE):
                shutil.copyfile(each, licences / f"{info.name.partition('-')[0]}-{each.name}")
        shutil.rmtree(info)
    shutil.copytree(site, library, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyi"))


def _compile(tree: Path, interpreter: Path) -> None:
    """Only compiled modules: reading sources costs 5 MB of memory, and they are half of the file."""
    library = tree / _LIBRARY
    python = [str(interpreter / "bin" / "python3.11"), "-I", "-E", "-c", _COMPILE, str(library)]
    subprocess.run(python, check=True, env={"PYTHONHASHSEED": "0", "PATH": os.defpath})
    for each in library.rglob("*.py"):
        each.unlink()


def _check(tree: Path) -> None:
    """Every module of ours finds what it imports in there."""
    subprocess.run([str(tree / "bin" / "python3.11"), "-I", "-c", _IMPORT_ALL], check=True, env={"PATH": os.defpath})


def _packed(tree: Path) -> bytes:
    raw = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=raw, mode="wb", compresslevel=9, mtime=0) as zipped,
        tarfile.open(fileobj=zipped, mode="w", format=tarfile.USTAR_FORMAT) as archive,
    ):
        for path in sorted(tree.rglob("*"), key=lambda each: each.relative_to(tree).as_posix()):
            info = archive.gettarinfo(path, path.relative_to(tree).as_posix())
            info.uid = info.gid = info.mtime = 0
            info.uname = info.gname = ""
            info.mode = 0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644
            if path.is_file():
                with path.open("rb") as file:
                    archive.addfile(info, file)
            else:
                archive.addfile(info)
    return raw.getvalue()


def _script(archive: bytes) -> bytes:
    text = (HERE / "stub.sh").read_text("utf-8")
    text = text.replace("@ID@", hashlib.sha256(archive).hexdigest()[:16]).replace("@ROOT@", SYSTEM_FOLDER)
    text = text.replace("@SKIP@", str(text.count("\n") + 1))
    size = len(archive)
    # The number of bytes stands in the file that it counts; eight digits do for all that may be made.
    size += len(text.replace("@SIZE@", "0" * 8).encode())
    return text.replace("@SIZE@", f"{size:08}").encode()


if __name__ == "__main__":
    bundle(Path(sys.argv[1]), Path(sys.argv[2]))
