"""Hears what plugs and meters say, and asks them; what each said last goes to the store once a second.

Over a connection of its own: its failure costs reports and alerts nothing, and is tried again.
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeAlias

from alerts.plugs import PlugFacts, PlugState, follow_plug
from rigwatch.backoff import Backoff
from rigwatch.clock import Clock
from rigwatch.devices.kind import kind_of
from rigwatch.devices.reading import DeviceReading, TopicReader, readers_of
from rigwatch.errors import RigwatchError
from rigwatch.first import first_of
from rigwatch.mqtt import MqttConnection, MqttMessage, MqttRefused
from store import devices
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

_EVERY_S: Final = 1.0
_PAUSE_S: Final = 1.0
_PAUSE_MAX_S: Final = 60.0
_FILTERS_AT_ONCE: Final = 50
_ODD_MOST: Final = 1000

Open: TypeAlias = Callable[[Callable[[MqttMessage], None]], Awaitable[MqttConnection]]
"""Makes a connection that hands on what it receives."""


class PlugIntake:
    """Of the plugs on one broker. `asked` gives the names of those that should say now what they draw."""

    def __init__(
        self, worker: StoreWorker, open_connection: Open, *, asked: Callable[[], Iterable[str]], clock: Clock
    ) -> None:
        self._worker = worker
        self._open = open_connection
        self._asked = asked
        self._clock = clock
        self._plugs: dict[str, PlugFacts] = {}
        self._states: dict[str, PlugState] = {}
        self._unsaved: set[str] = set()
        self._readers: dict[str, list[tuple[str, TopicReader]]] = {}
        self._odd: set[tuple[str, str]] = set()
        self._changed = -1

    async def run(self) -> None:
        """Until it is cancelled; without plugs there is no connection."""
        backoff = Backoff(first=_PAUSE_S, most=_PAUSE_MAX_S, least=_PAUSE_S)
        failure = ""
        while True:
            pause = _EVERY_S
            try:
                await self._load()
                if self._readers:
                    await self._serve()
                    backoff.reset()
                    failure = ""
            except RigwatchError as exc:
                if str(exc) != failure:
                    log.warning("plugs are not heard: %s, trying again", exc)
                failure, pause = str(exc), backoff.delay()
            await self._clock.sleep(pause)

    def receive(self, message: MqttMessage) -> None:
        """Called on the loop for each message; never raises for anything a device can send."""
        for name, reader in self._readers.get(message.topic, ()):
            reading = reader.read(message.payload)
            if reading.odd:
                self._say_odd(name, reading.odd)
            if message.retained:
                # What the broker kept may be of any time; only whether it is there still holds.
                reading = DeviceReading(is_online=reading.is_online)
            before = self._states[name]
            after = follow_plug(before, reading, self._clock.now())
            if after != before:
                self._states[name] = after
                self._unsaved.add(name)

    async def _serve(self) -> None:
        """Returns when people have changed which plugs there are; raises `MqttError` when the broker is gone."""
        connection = await self._open(self.receive)
        try:
            topics = sorted(self._readers)
            for first in range(0, len(topics), _FILTERS_AT_ONCE):
                await self._subscribe(connection, topics[first : first + _FILTERS_AT_ONCE])
            log.info("hears plugs=%s topics=%s", len(self._plugs), len(topics))
            while not await self._is_other():
                await self._save()
                self._ask(connection)
                await self._pause(connection)
        finally:
            await connection.close()
            await self._save()

    @staticmethod
    async def _subscribe(connection: MqttConnection, topics: Sequence[str]) -> None:
        """What a broker refuses of them, the others are heard without."""
        try:
            await connection.subscribe(*topics)
        except MqttRefused as exc:
            log.warning("some plugs are not heard: %s", exc)

    async def _pause(self, connection: MqttConnection) -> None:
        await first_of(self._clock.sleep(_EVERY_S), connection.lost)
        if connection.lost.done():
            raise RigwatchError(f"the connection ended: {connection.lost.result()}")

    def _ask(self, connection: MqttConnection) -> None:
        for name in self._asked():
            plug = self._plugs.get(name)
            if plug is None:
                continue
            kind = kind_of(plug.kind)
            if kind.ask:
                topic = kind.place(kind.ask, plug.topic, kind.first_outlet if plug.outlet is None else plug.outlet)
                connection.publish(topic, kind.ask_payload.encode(), qos=0)

    async def _load(self) -> None:
        number, found = await self._worker.read(lambda tx: (devices.changed(tx), devices.every(tx)))
        if number == self._changed:
            return
        readers: defaultdict[str, list[tuple[str, TopicReader]]] = defaultdict(list)
        for plug in found:
            for topic, reader in self._readers_of(plug).items():
                readers[topic].append((plug.name, reader))
        self._plugs = {plug.name: plug for plug in found}
        # What was heard since it was stored counts.
        self._states = {plug.name: self._states.get(plug.name, plug.state) for plug in found}
        self._readers, self._changed = dict(readers), number

    @staticmethod
    def _readers_of(plug: PlugFacts) -> dict[str, TopicReader]:
        """None of a plug of a kind that this version does not know: the others are heard."""
        try:
            return readers_of(kind_of(plug.kind), plug.topic, plug.outlet)
        except RigwatchError as exc:
            log.warning("a plug is not heard device=%s: %s", plug.name, exc)
            return {}

    async def _is_other(self) -> bool:
        return await self._worker.read(devices.changed) != self._changed

    async def _save(self) -> None:
        if not self._unsaved:
            return
        said = {name: self._states[name] for name in self._unsaved if name in self._states}
        self._unsaved.clear()
        try:
            await self._worker.write(lambda tx: devices.say(tx, said, self._clock.now()))
        except RigwatchError:
            # The database is away, which others tell; what is newest is written when it is back.
            self._unsaved |= said.keys()

    def _say_odd(self, name: str, odd: str) -> None:
        """Once each."""
        if (name, odd) not in self._odd and len(self._odd) < _ODD_MOST:
            self._odd.add((name, odd))
            log.warning("a plug says what is no figure device=%s: %s", name, odd)
