"""One node's life on the broker: connect with a will, birth, reports, acks, goodbye, and all over again.

What is sent when is decided in `delivery`; what is kept, in `outbox`.
"""

import asyncio
import logging
import secrets
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Final

from msgspec import UNSET, structs

from publisher.addresses import Addresses
from publisher.comeback import Comeback
from publisher.dispatch import Dispatch, OutgoingReport
from publisher.journal import Journal, LogJournal
from publisher.moments import NEVER_SET
from publisher.presence import DevicePresence
from rigwatch.backoff import Backoff
from rigwatch.clock import Clock, as_iso
from rigwatch.errors import WireError
from rigwatch.figures import LINE_MAX
from rigwatch.first import first_of
from rigwatch.keys import NodeKey
from rigwatch.messages import Ack, NodeState, Status, decode, encode, encode_report
from rigwatch.mqtt import (
    Endpoint,
    LastWill,
    MqttConnection,
    MqttError,
    MqttLogin,
    MqttMessage,
    MqttRefused,
    Unreachable,
)
from rigwatch.topics import NodeId, TopicLevel, topic_of

log = logging.getLogger(__name__)

RETRY_FIRST: Final = 2.0
RETRY_MOST: Final = 20.0
"""Half of it on average: a thousand rigs then knock a hundred times a second, a tenth of what the broker can let in."""
REFUSED_LEAST: Final = 60.0
REFUSED_FIRST: Final = 120.0
REFUSED_MOST: Final = 600.0
DOUBTED: Final = 300.0
"""For so long a no is not believed of a broker that has let this key in before: its cluster elects, or whoever decides
about logins is started anew."""
RIVAL_LEAST: Final = 30.0
RIVAL_MOST: Final = 90.0
"""Each of two publishers with one key is connected for a minute in turn, and all their samples arrive."""
HOP: Final = 0.5
"""Seconds between one address of the server and the next."""
STABLE: Final = 60.0
"""Seconds after which a connection counts as a good one."""
ANSWER: Final = 10.0
"""Seconds that a broker has for a SUBACK or a PUBACK that is waited for."""
GOODBYE: Final = 3.0


@dataclass(frozen=True, slots=True)
class NodeAccount:
    """As whom, and where, a node connects. `keepalive` is in seconds."""

    node: NodeId
    key: NodeKey
    endpoint: Endpoint
    keepalive: int


class _Outdated(Exception):
    """The subscriber has seen a later session of this node."""

    def __init__(self, session: int) -> None:
        super().__init__(session)
        self.session = session


class _Gone(Exception):
    """The machine that the node stands for does not answer any more."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class PublisherSession:
    """Keeps one node on its broker until it is stopped. `about` is what birth and will say, state and session aside."""

    def __init__(
        self,
        account: NodeAccount,
        about: Status,
        dispatch: Dispatch,
        *,
        clock: Clock,
        random: Random,
        journal: Journal | None = None,
        device: DevicePresence | None = None,
        addresses: Addresses | None = None,
    ) -> None:
        self._device = device
        if device is not None:
            device.on_change.append(dispatch.wake.set)
        self._account, self._dispatch, self._clock = account, dispatch, clock
        # Not from `random`, which may have a seed that another machine has as well.
        self._about = structs.replace(about, instance=secrets.token_hex(8))
        self._login = MqttLogin(str(account.node), account.key.mqtt_password, client_id=str(account.node))
        self._addresses = addresses or Addresses(account.node, account.endpoint)
        self._journal = journal or LogJournal(account.node, lambda: self._addresses.current)
        rival = Backoff(first=RIVAL_MOST, most=RIVAL_MOST, least=RIVAL_LEAST, random=random)
        self._retry = Comeback(Backoff(first=RETRY_FIRST, most=RETRY_MOST, random=random), stable=STABLE, rival=rival)
        self._is_known = False
        self._refused_at: float | None = None
        self._refusal = Backoff(first=REFUSED_FIRST, most=REFUSED_MOST, least=REFUSED_LEAST, random=random)
        self._acks: list[Ack] = []
        self._bad_acks = 0

    async def run(self, stop: asyncio.Event) -> None:
        """Returns after the goodbye, once `stop` is set."""
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._dispatch.wake.set())
        try:
            while not stop.is_set():
                if self._device is not None and not self._device.is_here:
                    await self._until_here(self._device, stopping)
                    continue
                delay = await self._once(stop, stopping)
                if delay > 0:
                    await first_of(stopping, self._clock.sleep(delay))
        finally:
            stopping.cancel()

    async def _once(self, stop: asyncio.Event, stopping: "asyncio.Task[object]") -> float:
        """One connection from its start to its end; gives the seconds to wait before the next."""
        session = await self._dispatch.next_session()
        try:
            connection = await self._connect(session, stopping)
            if connection is None:
                return 0.0
        except MqttError as exc:
            return self._not_connected(exc)
        try:
            return await self._live(connection, session, stop)
        finally:
            # Reached with an open connection only when something broke: the will then says so.
            connection.abort()

    def _not_connected(self, exc: MqttError) -> float:
        others_left = not self._addresses.is_last
        # A broker that says no for another reason than the login (it is overloaded, say) may soon say yes.
        if isinstance(exc, MqttRefused) and exc.login:
            delay = self._refused(exc)
        else:
            self._journal.unreachable(f"{exc}{self._clock_trouble()}")
            delay = HOP if others_left else self._retry.unreachable()
        self._addresses.failed()
        return min(delay, HOP) if others_left else delay

    def _clock_trouble(self) -> str:
        # Certificates are not valid yet then, which says nothing to who does not think of the clock.
        unset = self._clock.now() < NEVER_SET
        return f" (this machine's clock says {as_iso(self._clock.now())[:10]}: it has to be set first)" if unset else ""

    async def _connect(self, session: int, stopping: "asyncio.Task[object]") -> MqttConnection | None:
        self._acks.clear()
        will = LastWill(topic_of(self._account.node, TopicLevel.STATUS), self._status(NodeState.LOST, session))
        opening = asyncio.create_task(
            MqttConnection.open(
                self._addresses.current,
                self._login,
                on_message=self._received,
                will=will,
                keepalive=self._account.keepalive,
            )
        )
        try:
            await first_of(opening, stopping)
            return opening.result() if opening.done() else None
        finally:
            if not opening.done():
                opening.cancel()
                with suppress(asyncio.CancelledError, MqttError):
                    (await opening).abort()

    async def _live(self, connection: MqttConnection, session: int, stop: asyncio.Event) -> float:
        began = self._clock.monotonic()
        try:
            await self._introduce(connection, session)
            self._journal.online(session)
            self._retry.online()
            self._refusal.reset()
            self._is_known, self._refused_at = True, None
            await self._serve(connection, session, stop)
        except _Gone as exc:
            # Where it does not get through, the connection breaks, and the will says it.
            with suppress(MqttError, TimeoutError):
                await self._say_lost(connection, session, exc.why)
            return 0.0
        except _Outdated as exc:
            self._journal.outdated(exc.session)
            await self._dispatch.raise_session_above(exc.session)
            await connection.close()
        except MqttRefused as exc:
            await connection.close()
            return self._refused(exc)
        except MqttError as exc:
            self._journal.lost(connection.lost.result() if connection.lost.done() else str(exc))
        else:
            await self._say_goodbye(connection, session)
            return 0.0
        return self._retry.lost(self._clock.monotonic() - began)

    async def _introduce(self, connection: MqttConnection, session: int) -> None:
        """Returns when the broker has the birth, and acks can come; where it has not, it is the next address's turn."""
        tried = self._addresses.current
        try:
            async with asyncio.timeout(ANSWER):
                await connection.subscribe(topic_of(self._account.node, TopicLevel.ACK))
                await self._publish_status(connection, NodeState.ONLINE, session)
        except TimeoutError:
            self._addresses.failed()
            raise Unreachable(f"{tried}: no answer within {ANSWER:g} s") from None
        except MqttError:
            self._addresses.failed()
            raise
        await self._dispatch.restart()

    async def _serve(self, connection: MqttConnection, session: int, stop: asyncio.Event) -> None:
        """Returns when stopped; raises MqttError when the connection is lost, `_Outdated` when the session is."""
        wake = self._dispatch.wake
        connection.lost.add_done_callback(lambda _: wake.set())
        while True:
            wake.clear()
            if stop.is_set():
                return
            # First what came before the end: it may say why it ended.
            await self._take_acks(session)
            if connection.lost.done():
                raise MqttError(connection.lost.result())
            if self._device is not None and not self._device.is_here:
                raise _Gone(self._device.why)
            while outgoing := await self._dispatch.next():
                self._send(connection, session, outgoing)
            await self._until(wake, self._dispatch.wakes_at())

    async def _take_acks(self, session: int) -> None:
        acks, self._acks = self._acks, []
        # At once: each time the disk is asked costs as long as writing some hundred samples.
        await self._dispatch.acked([n for ack in acks for n in ack.n])
        for ack in acks:
            if ack.rival is not UNSET:
                self._journal.contested(ack.rival)
                self._retry.contested()
            if ack.servers is not UNSET:
                await asyncio.to_thread(self._addresses.learn, ack.servers)
            if not ack.n and ack.session > session:
                raise _Outdated(ack.session)

    def _send(self, connection: MqttConnection, session: int, outgoing: OutgoingReport) -> None:
        topic = topic_of(self._account.node, TopicLevel.REPORT)
        report = encode_report(session, self._clock.now(), outgoing.samples.values())
        sent = connection.publish(topic, self._account.key.seal_key.seal(topic, report))
        sent.add_done_callback(lambda done: self._confirmed(done, outgoing.number))

    def _confirmed(self, done: "asyncio.Future[None]", number: int) -> None:
        if not done.cancelled() and done.exception() is None:
            self._dispatch.broker_has(number)

    def _received(self, message: MqttMessage) -> None:
        try:
            self._acks.append(decode(self._account.key.seal_key.open(message.topic, message.payload), Ack))
        except WireError as exc:
            self._bad_acks += 1
            if self._bad_acks == 1:
                log.warning("ack dropped, it is not for this node node=%s error=%s", self._account.node, exc)
        else:
            self._dispatch.wake.set()

    async def _say_goodbye(self, connection: MqttConnection, session: int) -> None:
        with suppress(MqttError, TimeoutError):
            async with asyncio.timeout(GOODBYE):
                await self._publish_status(connection, NodeState.OFFLINE, session)
            self._journal.offline()
        await connection.close()

    async def _say_lost(self, connection: MqttConnection, session: int, why: str) -> None:
        """What its will would say, and why."""
        async with asyncio.timeout(GOODBYE):
            await self._publish_status(connection, NodeState.LOST, session, why)
        self._journal.gone(why)
        await connection.close()

    async def _until_here(self, device: DevicePresence, stopping: "asyncio.Task[object]") -> None:
        device.changed.clear()
        if not device.is_here:
            await first_of(device.changed.wait(), stopping)

    def _publish_status(
        self, connection: MqttConnection, state: NodeState, session: int, why: str = ""
    ) -> "asyncio.Future[None]":
        topic = topic_of(self._account.node, TopicLevel.STATUS)
        return connection.publish(topic, self._status(state, session, why), retain=True)

    def _status(self, state: NodeState, session: int, why: str = "") -> bytes:
        reason = "stopped" if state is NodeState.OFFLINE else why[:LINE_MAX]
        status = structs.replace(self._about, state=state, session=session, reason=reason)
        return self._account.key.seal_key.seal(topic_of(self._account.node, TopicLevel.STATUS), encode(status))

    def _refused(self, exc: MqttRefused) -> float:
        self._journal.refused(str(exc))
        now = self._clock.monotonic()
        self._refused_at = now if self._refused_at is None else self._refused_at
        if self._is_known and now - self._refused_at < DOUBTED:
            return self._retry.unreachable()
        return self._refusal.delay()

    async def _until(self, wake: asyncio.Event, moment: float | None) -> None:
        if moment is None:
            await wake.wait()
        elif (left := moment - self._clock.monotonic()) > 0:
            await first_of(wake.wait(), self._clock.sleep(left))
