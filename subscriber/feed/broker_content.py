"""What stands on a broker, as far as it is known. Others can write there: what is read is believed only as far as it is
sound, and fills memory only up to a bound. Sends nothing."""

from collections.abc import Mapping
from typing import Final

import msgspec

ROOM: Final = 64 * 1024 * 1024
"""Bytes that what comes from the broker may take between two looks; a thousand rigs with 16 cards take 27 MB."""

# What a topic and its payload cost beside their own bytes.
_EACH: Final = 200


class BrokerContent(dict[str, bytes]):
    """Topic to retained payload."""

    def __init__(self) -> None:
        super().__init__()
        self._room = ROOM

    def hear(self, topic: str, payload: bytes) -> None:
        """Beyond the room a topic that is new is left out, and of one that is known only that it is another now."""
        cost = _EACH + len(topic) + len(payload)
        if cost <= self._room:
            self._room -= cost
        elif topic in self:
            payload = payload[:1]
        else:
            return
        self[topic] = payload

    def settled(self) -> None:
        """What was not ours is cleared or put right."""
        self._room = ROOM


def read_object(payload: bytes | None) -> Mapping[str, object]:
    """Empty where it is no JSON object, whatever else it is."""
    try:
        found = msgspec.json.decode(payload or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
