"""What reading NVIDIA cards costs, and whether the figures are nvidia-smi's; needs a card, and says so without one."""

import argparse
import resource
import statistics
import subprocess
import time
from collections.abc import Mapping, Sequence

import pynvml

from benchmarks.tables import replace_between, table
from publisher.sources import pci
from publisher.sources.nvml import NvmlSettings, NvmlSource
from publisher.sources.nvml_library import has_cards
from publisher.sources.reading import checked
from publisher.sources.source import Context
from rigwatch.clock import SystemClock
from rigwatch.figures import Gpu
from rigwatch.topics import NodeId

# Our name of a figure, nvidia-smi's, and how far they may be apart: rounding, and a sensor that moved in between.
FIGURES = (
    ("temperature", "temperature.gpu", 1.0),
    ("memory_temperature", "temperature.memory", 1.0),
    ("power", "power.draw", 1.0),
    ("fan", "fan.speed", 1.0),
    ("utilization", "utilization.gpu", 5.0),
)
READS = 200
PAUSE = 0.25
"""Seconds between reads that are to find the driver as it is in use: asleep."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.nvml", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer reads")
    parser.add_argument("--write", action="store_true", help="write the result to docs/benchmarks.md")
    options = parser.parse_args()
    memory, began = _megabytes(), time.perf_counter()
    if not has_cards():
        print("no NVIDIA card here; docs/benchmarks.md keeps what it says")
        return
    opened = time.perf_counter() - began
    text = "\n".join(measured(READS // 10 if options.short else READS, opened, memory))
    print(text)
    if options.write:
        replace_between("nvml", text)


def measured(reads: int, opened: float, memory: float) -> list[str]:
    """The lines; `opened` is how long it took to load NVML and find its cards, `memory` what there was before."""
    source = NvmlSource(NvmlSettings(), Context(NodeId("main", "bench"), SystemClock()))
    reading = checked(source.read())
    rows = [("loading NVML and finding the cards", "1", _ms(opened), "", "")]
    for what, pause in (("one after the other", 0.0), (f"one every {PAUSE:g} s", PAUSE)):
        rows.append((f"a read, {what}", *_timed(source, reads, pause)))
    cards = ", ".join(gpu.name for gpu in reading.gpus or ())
    return [
        f"{cards}; driver {pynvml.nvmlSystemGetDriverVersion()}:",
        "",
        table(("what", "times", "median ms", "p99 ms", "CPU ms"), rows),
        "",
        f"- Memory of the process, once NVML is loaded: {_megabytes() - memory:.0f} MB more.",
        f"- Between what nvidia-smi says before and after a read: {_compared(source)}.",
    ]


def _timed(source: NvmlSource, reads: int, pause: float) -> tuple[str, str, str, str]:
    took: list[float] = []
    cpu = time.process_time()
    for _ in range(reads):
        time.sleep(pause)
        began = time.perf_counter()
        source.read()
        took.append(time.perf_counter() - began)
    spent = (time.process_time() - cpu) / reads
    took.sort()
    return str(reads), _ms(statistics.median(took)), _ms(took[min(len(took) - 1, int(len(took) * 0.99))]), _ms(spent)


def _compared(source: NvmlSource) -> str:
    """Each figure lies between what nvidia-smi said just before and just after, or the benchmark ends."""
    before, reading, after = _nvidia_smi(), checked(source.read()), _nvidia_smi()
    agreed: list[str] = []
    for gpu in reading.gpus or ():
        agreed += [_agreed(gpu, name, (before[gpu.id][said], after[gpu.id][said]), far) for name, said, far in FIGURES]
    return ", ".join(agreed)


def _agreed(gpu: Gpu, name: str, said: Sequence[float | None], far: float) -> str:
    ours = getattr(gpu, name)
    known = [value for value in said if value is not None]
    if (ours is None) != (not known) or (known and not min(known) - far <= ours <= max(known) + far):
        raise SystemExit(f"{gpu.id}: {name} is {ours}, nvidia-smi says {said}")
    return f"{name.replace('_', ' ')} {'not given by either' if ours is None else f'{ours:g}'}"


def _nvidia_smi() -> Mapping[str, Mapping[str, float | None]]:
    wanted = ",".join(said for _, said, _ in FIGURES)
    command = [
        "nvidia-smi",
        f"--query-gpu=pci.bus_id,{wanted}",
        "--format=csv,noheader,nounits",
    ]  # as it is on the PATH
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    rows = [[cell.strip() for cell in line.split(",")] for line in lines]
    return {
        str(pci.address(row[0])): {said: _number(cell) for (_, said, _), cell in zip(FIGURES, row[1:], strict=True)}
        for row in rows
    }


def _number(cell: str) -> float | None:
    return None if "N/A" in cell else float(cell)


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


if __name__ == "__main__":
    main()
