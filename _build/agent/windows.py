"""Makes the agent for Windows: what is ours in a zip, and the lock of what it needs, which comes from PyPI there.

`python -m _build.agent.windows OUT`: the same bytes from the same sources and lock file.
"""

import hashlib
import sys
import zipfile
from pathlib import Path
from typing import Final

from _build.agent.bundle import OURS, ROOT, requirements

_MOMENT: Final = (2020, 1, 1, 0, 0, 0)


def bundle(out: Path) -> None:
    files = {
        each.relative_to(ROOT).as_posix(): each.read_bytes()
        for name in OURS
        for each in (ROOT / name).rglob("*")
        if each.is_file() and "__pycache__" not in each.parts
    }
    files["requirements.txt"] = requirements().encode()
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = out.with_name(f"{out.name}.new")
    with zipfile.ZipFile(fresh, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            archive.writestr(zipfile.ZipInfo(name, _MOMENT), content, zipfile.ZIP_DEFLATED)
    fresh.replace(out)
    digest = hashlib.sha256(out.read_bytes()).hexdigest()
    sys.stdout.write(f"{out}: {out.stat().st_size:,} bytes, sha256 {digest}\n")


if __name__ == "__main__":
    bundle(Path(sys.argv[1]))
