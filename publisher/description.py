"""What a source gives and how it is set, in words: a line for people, a table for `publisher.toml`."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from publisher.sources.reading import Reading
from rigwatch.settings.writing import Value, toml_value

_PREFIXES: Final = ("", "k", "M", "G", "T", "P", "E")


def summary_of(reading: Reading) -> str:
    """In one line, what people look for first."""
    told = [
        *_of_work(reading),
        None if reading.block is None else f"block {reading.block:,}",
        None if reading.peers is None else f"{reading.peers:,} peers",
        "syncing" if reading.syncing else None,
        None if reading.temperature is None else f"{reading.temperature:.0f} °C",
        None if reading.power is None else f"{reading.power:.0f} W",
        None if reading.fan is None else f"fan {reading.fan:.0f} %",
        None if reading.cpu is None else f"cpu {reading.cpu:.0f} %",
        _several(reading.gpus, "card"),
        _several(reading.boards, "board"),
        _several(reading.fans, "fan"),
        None if reading.miner is None else f"{reading.miner.name} {reading.miner.version}".rstrip(),
    ]
    return ", ".join(each for each in told if each) or "nothing to tell"


def source_table(settings: Mapping[str, Any], comment: str = "") -> str:
    """As `publisher.toml` has it."""
    lines = [f"# {comment}"] if comment else []
    return "\n".join(
        [*lines, "[[nodes.sources]]", *(f"{key} = {toml_value(_value(value))}" for key, value in settings.items())]
    )


def _of_work(reading: Reading) -> Iterator[str]:
    if reading.hashrate is not None:
        yield f"{hashrate(reading.hashrate)} {reading.algorithm or ''}".rstrip()
    for name, work in (reading.algorithms or {}).items():
        if name != reading.algorithm and work.hashrate is not None:
            yield f"{hashrate(work.hashrate)} {name}"
    if reading.accepted is not None:
        yield f"{reading.accepted:,} accepted" + (f", {reading.rejected:,} rejected" if reading.rejected else "")


def _several(parts: Sequence[object] | None, name: str) -> str | None:
    return None if parts is None else f"{len(parts)} {name}{'' if len(parts) == 1 else 's'}"


def hashrate(value: float) -> str:
    """In the largest unit that leaves at least 1 of it."""
    scale = 0
    while value >= 1000 and scale < len(_PREFIXES) - 1:
        value, scale = value / 1000, scale + 1
    return f"{value:.2f}".removesuffix(".00") + f" {_PREFIXES[scale]}H/s"


def _value(value: object) -> Value:
    return value if isinstance(value, str | int) else str(value)
