"""The subscriber's connection to the broker: made, kept, made again; and known to be there or not."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from rigwatch.backoff import Backoff
from rigwatch.clock import Clock, Millis
from rigwatch.first import first_of
from rigwatch.mqtt import Endpoint, MqttConnection, MqttError, MqttLogin, MqttMessage, MqttRefused, Unreachable
from rigwatch.topics import ALL_REPORTS, ALL_STATUS, SHARED_REPORTS, TopicLevel
from subscriber.since import Since

log = logging.getLogger(__name__)

KEEPALIVE_S = 10
_ANSWER_S = 10.0
# The server's own processes come back together; seconds without a subscriber are seconds in which nobody is watched.
_DELAY_FIRST_S = 0.2
_DELAY_MAX_S = 5.0
# A login that is refused will be so until somebody changes something.
_DELAY_REFUSED_S = 30.0
# Some brokers grant a shared subscription and send nothing by it (NATS 2.9, RabbitMQ 3.10).
_PROOF_S = 180.0
_REPORT = f"/{TopicLevel.REPORT.value}"


class SubscriberSession:
    """One connection at a time. `connected_at` is since when it is there, None while it is not.

    `more` are further filters, which the broker may refuse.

    With `shared` each report goes to one of all subscribers. A status goes to every one all the same: it is a death,
    or what the broker keeps for whoever connects next.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        login: MqttLogin,
        *,
        clock: Clock,
        on_message: Callable[[MqttMessage], None],
        shared: bool = False,
        more: Sequence[str] = (),
    ) -> None:
        self._endpoint = endpoint
        self._login = login
        self._clock = clock
        self._on_message = on_message
        self._shared = shared
        self._more = more
        self._reports_come = False
        self._connection: MqttConnection | None = None
        self._failure = ""
        self._connected = Since(clock)
        self._backoff = Backoff(first=_DELAY_FIRST_S, most=_DELAY_MAX_S)
        self.changed = asyncio.Event()

    @property
    def connected_at(self) -> Millis | None:
        return self._connected.at

    async def run(self) -> None:
        """Keeps a connection until it is cancelled; the connection is then closed in order."""
        try:
            while True:
                try:
                    await self._connect()
                    self._backoff.reset()
                    if self._shared:
                        await self._prove_shared()
                    await self._lost()
                except MqttError as exc:
                    await self._wait(exc)
        finally:
            await self._close()

    def publish(self, topic: str, payload: bytes, *, qos: int = 1) -> "asyncio.Future[None] | None":
        """None while there is no connection: whoever the message is for will ask again."""
        return self._connection.publish(topic, payload, qos=qos) if self._connection else None

    def pause(self) -> None:
        """Lets the broker hold what comes. Not for longer than half the keep-alive, or the connection ends."""
        if self._connection:
            self._connection.pause()

    def resume(self) -> None:
        if self._connection:
            self._connection.resume()

    async def ask_for_statuses(self) -> None:
        """Makes the broker send every node's retained status again (MQTT 3.1.1, §3.8.4: at each SUBSCRIBE)."""
        if self._connection:
            await self._connection.subscribe(ALL_STATUS)

    async def _connect(self) -> None:
        self._reports_come = False
        receive = self._received if self._shared else self._on_message
        connection = await MqttConnection.open(self._endpoint, self._login, on_message=receive, keepalive=KEEPALIVE_S)
        self._connection = connection
        # What comes of it may be there before the answer is.
        asked_at = self._clock.now()
        try:
            async with asyncio.timeout(_ANSWER_S):
                # In this order: who took over whom is known before the births that tell of it.
                await self._ask_for_more(connection)
                await connection.subscribe(ALL_STATUS, SHARED_REPORTS if self._shared else ALL_REPORTS)
        except TimeoutError:
            raise Unreachable(f"{self._endpoint}: no answer to SUBSCRIBE within {_ANSWER_S:g} s") from None
        self._connected.begin(asked_at)
        self.changed.set()
        self._failure = ""
        log.info("connected to the broker endpoint=%s", self._endpoint)

    async def _ask_for_more(self, connection: MqttConnection) -> None:
        """A broker of before an upgrade does not grant it; the nodes are watched all the same."""
        if self._more:
            try:
                await connection.subscribe(*self._more)
            except MqttRefused as exc:
                log.info("the broker does not tell how connections end, it may be of an older version reason=%s", exc)

    def _received(self, message: MqttMessage) -> None:
        self._reports_come = self._reports_come or message.topic.endswith(_REPORT)
        self._on_message(message)

    async def _prove_shared(self) -> None:
        """A broker that sends nothing by the shared subscription is asked for every report instead."""
        assert self._connection is not None
        connection = self._connection
        await first_of(connection.lost, self._clock.sleep(_PROOF_S))
        if not connection.lost.done() and not self._reports_come:
            log.warning(
                "no report has come by the shared subscription, asking for every report instead; where the broker does "
                "not have such subscriptions, take broker.shared out of server.toml seconds=%g", _PROOF_S,
            )  # fmt: skip
            self._shared = False
            await connection.subscribe(ALL_REPORTS)

    async def _lost(self) -> None:
        assert self._connection is not None
        reason = await self._connection.lost
        raise MqttError(f"the connection ended: {reason}")

    async def _wait(self, exc: MqttError) -> None:
        await self._close()
        delay = self._backoff.delay(most=_DELAY_REFUSED_S if isinstance(exc, MqttRefused) else None)
        if str(exc) != self._failure:
            log.warning("no broker endpoint=%s reason=%s, trying again", self._endpoint, exc)
            self._failure = str(exc)
        await self._clock.sleep(delay)

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if self.connected_at is not None:
            self._connected.end()
            self.changed.set()
        if connection is not None:
            await connection.close()
