"""What plugs and meters at the wall have said, as facts of the nodes that hang on them. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from alerts.rule import HOUR, MINUTE
from rigwatch.clock import Millis
from rigwatch.devices.reading import DeviceReading
from rigwatch.topics import NodeId

AT_WORK_LEAST: Final = 0.5
"""Less than this share of what a plug usually gives is rest, and says nothing of what is usual."""
_USUAL_SPAN: Final[Millis] = 12 * HOUR
"""In about this time what is usual becomes another."""
_USUAL_STEP: Final[Millis] = 5 * MINUTE


class PlugState(Struct, frozen=True, omit_defaults=True):
    """The last word of a plug; None: it has never said so. `watt_hours` is its counter, `usual_watts` what it gives
    while what hangs on it works. Moments are the server's."""

    is_on: bool | None = None
    on_at: Millis = 0
    watts: float | None = None
    watts_at: Millis = 0
    watt_hours: float | None = None
    watt_hours_at: Millis = 0
    is_online: bool | None = None
    online_at: Millis = 0
    usual_watts: float | None = None
    usual_at: Millis = 0

    @property
    def said_at(self) -> Millis:
        """When it said something new last."""
        return max(self.on_at, self.watts_at, self.watt_hours_at, self.online_at)


_MOMENTS: Final = tuple(name for name in PlugState.__struct_fields__ if name.endswith("_at"))


class PlugFacts(Struct, frozen=True):
    """A plug, and which nodes hang on it."""

    name: str
    kind: str
    topic: str
    outlet: int | None = None
    nodes: tuple[NodeId, ...] = ()
    added_at: Millis = 0
    state: PlugState = PlugState()


def follow_plug(state: PlugState, reading: DeviceReading, now: Millis) -> PlugState:
    """The state after one more message; what it does not say stays as it was. Whoever speaks of power is there.

    Moments of the future are of before our own clock was put back, and are now.
    """
    if state.said_at > now or state.usual_at > now:
        moments = {name: min(getattr(state, name), now) for name in _MOMENTS}
        state = replace(state, **moments)
    if reading.is_on is not None and reading.is_on is not state.is_on:
        state = replace(state, is_on=reading.is_on, on_at=now)
    if reading.watts is not None:
        state = _usual(replace(state, watts=reading.watts, watts_at=now), reading.watts, now)
    if reading.watt_hours is not None:
        state = replace(state, watt_hours=reading.watt_hours, watt_hours_at=now)
    is_online = reading.is_online
    if is_online is None and reading.watts is not None and state.is_online is False:
        is_online = True
    if is_online is not None and is_online is not state.is_online:
        state = replace(state, is_online=is_online, online_at=now)
    return state


def _usual(state: PlugState, watts: float, now: Millis) -> PlugState:
    usual = state.usual_watts
    if usual is None or watts > 2 * usual:
        # The first figure may be of a machine that rests.
        return replace(state, usual_watts=watts, usual_at=now)
    passed = now - state.usual_at
    if watts < AT_WORK_LEAST * usual or 0 <= passed < _USUAL_STEP:
        return state
    share = min(max(passed, 0) / _USUAL_SPAN, 1.0)
    return replace(state, usual_watts=round(usual + (watts - usual) * share, 1), usual_at=now)


def by_node(plugs: Iterable[PlugFacts]) -> Mapping[NodeId, tuple[PlugFacts, ...]]:
    """The plugs of each node."""
    found: defaultdict[NodeId, list[PlugFacts]] = defaultdict(list)
    for plug in plugs:
        for node in plug.nodes:
            found[node].append(plug)
    return {node: tuple(of) for node, of in found.items()}
