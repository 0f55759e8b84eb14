"""Runs a Python program on a machine whose clock was set: `clocked.py FILE python -m rigwatch …`.

FILE holds by how many milliseconds, as eight bytes, and may change at any time. The monotonic clock goes on as it is.
"""

import mmap
import runpy
import struct
import sys
import time
from pathlib import Path

_BY = struct.Struct("<q")


def set_by(file: Path, milliseconds: int) -> None:
    """Sets the clock of whatever runs with this file."""
    if file.exists():
        with file.open("r+b") as opened:
            opened.write(_BY.pack(milliseconds))
    else:
        file.write_bytes(_BY.pack(milliseconds))


def _main() -> None:
    file, _python, _m, module, *arguments = sys.argv[1:]
    with Path(file).open("rb") as opened:
        shared = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    real_ns, real = time.time_ns, time.time

    def by() -> int:
        return int(_BY.unpack_from(shared)[0])

    time.time_ns = lambda: real_ns() + by() * 1_000_000
    time.time = lambda: real() + by() / 1000
    # The folder of this file stands first; its modules are not the program's.
    sys.path[0] = ""
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _main()
