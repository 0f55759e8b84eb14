"""Kinds of devices: on which topics each says what. The kinds that come with rigwatch are files in `kinds/`."""

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Final

import msgspec
from msgspec import Meta, Struct

from rigwatch.errors import RigwatchError

TOPIC_MAX: Final = 200
_NOT_IN_A_TOPIC: Final = frozenset("+#\0")

Path = Annotated[str, Meta(max_length=200)]
"""Names with dots between, of a JSON message; empty: the message itself. `{outlet}` is the number of the outlet."""


class TopicReads(Struct, frozen=True, forbid_unknown_fields=True):
    """What stands in the messages of one topic: of `on` and `online` the first path that is there counts.

    `topic` is below the device's own, see `DeviceKind.place`; empty: that itself.
    """

    topic: Path
    watts: Path | None = None
    wh: Path | None = None
    kwh: Path | None = None
    watt_minutes: Path | None = None
    on: tuple[Path, ...] = ()
    online: tuple[Path, ...] = ()

    @property
    def energy(self) -> tuple[Path, float] | None:
        """Where the counter of energy stands, and how many Wh one of it is."""
        known = ((self.wh, 1.0), (self.kwh, 1000.0), (self.watt_minutes, 1 / 60))
        return next(((path, factor) for path, factor in known if path is not None), None)


class DeviceKind(Struct, frozen=True, forbid_unknown_fields=True):
    """`example` is a topic as people give it. `levels` are levels of it in whose place the device has others as
    well. Outlets are counted from `first_outlet`. `ask`: a message there makes it say what it draws now; empty: none
    does."""

    title: str
    example: str
    reads: tuple[TopicReads, ...]
    levels: Mapping[str, tuple[str, ...]] = {}
    first_outlet: int = 1
    ask: str = ""
    ask_payload: str = ""

    def own_topics(self, topic: str) -> tuple[str, ...]:
        """All that such a device speaks and listens below. Raises `RigwatchError` for what is no topic of one device,
        or where a level is missing in it."""
        if not topic or len(topic) > TOPIC_MAX or _NOT_IN_A_TOPIC & set(topic) or topic.startswith(("/", "$")):
            raise RigwatchError(f"topic: {topic[:200]!r} is none of a single device; one looks like {self.example}")
        others = (other for level in self.levels.values() for other in level)
        return (topic, *(self._beside(other, topic) for other in others))

    def place(self, below: str, topic: str, outlet: int) -> str:
        """A topic of the device: `x` below its own, `{stat}/x` below the one with this level, `/x` of the broker."""
        if below.startswith("/"):
            return below[1:]
        below = below.replace("{outlet}", str(outlet))
        if below.startswith("{"):
            level, _, below = below[1:].partition("}/")
            topic = self._beside(level, topic)
        return f"{topic}/{below}" if below else topic

    def _beside(self, other: str, topic: str) -> str:
        level = next(each for each, others in self.levels.items() if other in others)
        parts = topic.split("/")
        if level not in parts:
            raise RigwatchError(f"topic: {topic[:200]!r} has no level {level!r}; one looks like {self.example}")
        place = parts.index(level)
        return "/".join([*parts[:place], other, *parts[place + 1 :]])


@cache
def kinds() -> dict[str, DeviceKind]:
    """By name, in order."""
    folder = resources.files("rigwatch.devices") / "kinds"
    files = sorted((each for each in folder.iterdir() if each.name.endswith(".toml")), key=lambda each: each.name)
    return {
        each.name.removesuffix(".toml"): msgspec.convert(tomllib.loads(each.read_text("utf-8")), DeviceKind)
        for each in files
    }


def kind_of(name: str) -> DeviceKind:
    """Raises `RigwatchError` for a kind that there is none of."""
    try:
        return kinds()[name]
    except KeyError:
        raise RigwatchError(f"kind: there is no {name[:40]!r}; there are {', '.join(kinds())}") from None
