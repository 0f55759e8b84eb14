"""A small disk that can be filled up, and emptied again."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.requirements import program


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A tmpfs of its own; a plain folder, that cannot be filled, where none may be mounted."""

    place: Path
    can_be_filled: bool = True

    @property
    def _filler(self) -> Path:
        return self.place / "filler"

    def fill(self) -> None:
        """Leaves no room at all."""
        with self._filler.open("wb", buffering=0) as file:
            # Whoever else writes here takes room meanwhile, so it is not enough to ask how much there is.
            for piece in (bytes(1_000_000), bytes(4096)):
                with suppress(OSError):
                    while file.write(piece):
                        pass

    def free(self) -> None:
        self._filler.unlink(missing_ok=True)


@contextmanager
def small_disk(place: Path, megabytes: int) -> Iterator[SmallDisk]:
    place.mkdir(parents=True)
    command: list[str | Path] = [program("mount"), "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", place]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        yield SmallDisk(place, can_be_filled=False)
        return
    try:
        yield SmallDisk(place)
    finally:
        # Lazily: who still looks at it must not keep the test from ending.
        subprocess.run([program("umount"), "--lazy", place], check=True)
