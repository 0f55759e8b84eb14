"""What one message of a device says. Tolerant: an odd value costs that value; nothing that is sent raises."""

import math
from collections.abc import Iterator, Sequence

import msgspec
from msgspec import Struct

from rigwatch.devices.kind import DeviceKind, TopicReads
from rigwatch.texts import plain

PAYLOAD_MAX = 64 * 1024
WATTS_MAX = 1e6
WATT_HOURS_MAX = 1e12

_YES = frozenset({"on", "online", "true", "1", "connected"})
_NO = frozenset({"off", "offline", "false", "0", "disconnected"})


class DeviceReading(Struct, frozen=True):
    """What was said; None: nothing of it. `watt_hours` is the device's counter. `odd` names a value that is none."""

    is_on: bool | None = None
    watts: float | None = None
    watt_hours: float | None = None
    is_online: bool | None = None
    odd: str = ""

    @property
    def is_empty(self) -> bool:
        return self.is_on is None and self.watts is None and self.watt_hours is None and self.is_online is None


class TopicReader(Struct, frozen=True):
    """Reads the messages of one topic for one outlet."""

    reads: TopicReads
    outlet: int
    first_outlet: int

    def read(self, payload: bytes) -> DeviceReading:
        if len(payload) > PAYLOAD_MAX:
            return DeviceReading(odd=f"a message of {len(payload)} bytes")
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return DeviceReading(odd="a message that is not UTF-8")
        message = _Message(_parsed(text), self.outlet, self.outlet - self.first_outlet)
        energy = message.number(self.reads.energy[0], WATT_HOURS_MAX) if self.reads.energy else None
        return DeviceReading(
            is_on=message.word(self.reads.on),
            watts=None if self.reads.watts is None else message.number(self.reads.watts, WATTS_MAX),
            watt_hours=None if energy is None or self.reads.energy is None else energy * self.reads.energy[1],
            is_online=message.word(self.reads.online),
            odd="; ".join(message.odd),
        )


class _Message:
    """A message, and what in it was odd. `place` is where the outlet stands in a list."""

    def __init__(self, value: object, outlet: int, place: int) -> None:
        self._value = value
        self._outlet = str(outlet)
        self._place = place
        self.odd: list[str] = []

    def number(self, path: str, most: float) -> float | None:
        found = self._at(path)
        if found is None:
            return None
        number = _as_number(found)
        if number is None or not -most <= number <= most:
            self._refuse(path, found)
            return None
        # A meter at rest, or wired the other way round, says a little less than nothing.
        return max(number, 0.0)

    def word(self, paths: Sequence[str]) -> bool | None:
        """On or online, by the first path that is there."""
        for path in paths:
            found = self._at(path)
            word = str(found).strip().lower()
            if word in _YES or word in _NO:
                return word in _YES
            if found is not None and not isinstance(found, dict | list):
                self._refuse(path, found)
                return None
        return None

    def _refuse(self, path: str, found: object) -> None:
        self.odd.append(f"{path or 'its message'} is {plain(str(found), 40) or 'empty'}")

    def _at(self, path: str) -> object:
        """What stands there, of a list the outlet's; None: nothing."""
        value = self._value
        for name in _names(path.replace("{outlet}", self._outlet)):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            return value[self._place] if 0 <= self._place < len(value) else None
        return value


def readers_of(kind: DeviceKind, topic: str, outlet: int | None = None) -> dict[str, TopicReader]:
    """By the topics to subscribe, of a device whose own topic is `topic`."""
    number = kind.first_outlet if outlet is None else outlet
    return {
        kind.place(reads.topic, topic, number): TopicReader(reads, number, kind.first_outlet) for reads in kind.reads
    }


def _names(path: str) -> Iterator[str]:
    return (name for name in path.split(".") if name)


def _parsed(text: str) -> object:
    """A JSON value; a text that is none stands for itself, as `ON` and `online` do."""
    try:
        value: object = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        return text.strip()
    return value


def _as_number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        number = float(found)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
