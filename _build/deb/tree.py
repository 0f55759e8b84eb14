"""Makes a folder with the installed packages into what dpkg-deb packs: `python -m _build.deb.tree FOLDER`."""

import compileall
import os
import py_compile
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from cli.service.unit import FILE, Installed, system_unit

HERE: Final = Path(__file__).parent
HOME: Final = Path("/var/lib/rigwatch")
LIB: Final = Path("usr/lib/rigwatch")
PYTHON: Final = Path("/usr/bin/python3.11")
SCRIPTS: Final = ("postinst", "prerm", "postrm")
# Nothing runs them, and they are a tenth of the package.
_NEEDLESS: Final = ("bin", "*/tests", "*/test")

CONTROL: Final = """\
Package: rigwatch
Version: {version}
Architecture: {architecture}
Maintainer: the rigwatch authors <rigwatch@localhost>
Section: net
Priority: optional
Depends: python3 (>= 3.11~), python3 (<< 3.12~), adduser
Recommends: ca-certificates
Installed-Size: {size}
Description: watches mining nodes over MQTT
 Broker, subscriber and dashboard of rigwatch, with everything that they need
 beside Python, run as a service of their own account.
"""
PROGRAM: Final = """\
#!/usr/lib/rigwatch/bin/python -P
import os, pwd, sys
if pwd.getpwuid(os.geteuid()).pw_name == "rigwatch":
    os.environ.setdefault("RIGWATCH_HOME", "/var/lib/rigwatch")
from rigwatch.__main__ import main
sys.exit(main())
"""


def main(tree: Path) -> None:
    site = next((tree / LIB / "lib").glob("python3.*")) / "site-packages"
    for each in _NEEDLESS:
        for folder in site.glob(each):
            shutil.rmtree(folder)
    version = next(site.glob("rigwatch-*.dist-info")).name.removesuffix(".dist-info").partition("-")[2]
    _interpreter(tree / LIB)
    _compile(site, tree)
    _write(tree / "usr/bin/rigwatch", PROGRAM, 0o755)
    _write(tree / "lib/systemd/system" / FILE, unit(), 0o644)
    for name in ("server.example.toml", "publisher.example.toml"):
        _write(tree / "usr/share/doc/rigwatch" / name, (HERE.parents[1] / "config" / name).read_text("utf-8"), 0o644)
    _write(tree / "usr/share/doc/rigwatch/copyright", (HERE.parents[1] / "LICENSE").read_text("utf-8"), 0o644)
    for name in SCRIPTS:
        _write(tree / "DEBIAN" / name, (HERE / name).read_text("utf-8"), 0o755)
    size = sum(path.lstat().st_size for path in tree.rglob("*")) // 1024
    architecture = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout
    control = CONTROL.format(version=version, architecture=architecture.strip(), size=size)
    _write(tree / "DEBIAN/control", control, 0o644)
    _settle(tree)


def unit() -> str:
    """As `rigwatch service install` writes it, but that it waits for the home to be set up by a person."""
    text = system_unit(Installed(Path("/") / LIB / "bin/python"), HOME, "rigwatch")
    waits = f"# Its first password is told to whoever runs 'rigwatch init', and not to the journal.\nConditionPathExists={HOME}/server.toml\n"
    return text.replace("\n[Service]\n", f"{waits}\n[Service]\n", 1)


def _interpreter(lib: Path) -> None:
    """A virtual environment, as Python knows one: a file and a link."""
    _write(lib / "pyvenv.cfg", f"home = {PYTHON.parent}\ninclude-system-site-packages = false\n", 0o644)
    (lib / "bin").mkdir()
    (lib / "bin/python").symlink_to(PYTHON)


def _compile(site: Path, tree: Path) -> None:
    """The account cannot write beside the modules; unchecked, so that the time of unpacking does not matter."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compileall.compile_dir(site, quiet=2, stripdir=str(tree), prependdir="/", invalidation_mode=mode, workers=0)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)


def _settle(tree: Path) -> None:
    """Modes and times that do not depend on who builds it, and when."""
    moment = int(os.environ["SOURCE_DATE_EPOCH"])
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
        os.utime(path, (moment, moment), follow_symlinks=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
