"""One MQTT 3.1.1 connection on the running asyncio loop: with `paho_client`, the only module that knows paho.

A `MqttConnection` lives from CONNACK to its end and is never revived: a new one carries a new will and a new session
number, so whoever reconnects opens another. Callbacks run on the loop; only connecting (DNS, TCP, TLS) uses a thread.
The loop must offer `add_reader`, which Windows' proactor loop does not: `rigwatch.process.run` sees to that.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from typing import Self

import paho.mqtt.client as paho
from msgspec import Struct
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from rigwatch.authority import WrongServer, forget_authorities, trusted_for
from rigwatch.client_tls import client_context, clock_suspected
from rigwatch.endpoint import Endpoint, LastWill, MqttLogin
from rigwatch.errors import RigwatchError
from rigwatch.paho_client import Client

__all__ = [
    "Endpoint",
    "LastWill",
    "MqttConnection",
    "MqttError",
    "MqttLogin",
    "MqttMessage",
    "MqttRefused",
    "Unreachable",
]

_CLOSE_SECONDS = 1.0
_SUBACK_FAILURE = 0x80
_NOT_WELCOME = {"Bad user name or password", "Not authorized", "Client identifier not valid", "Banned"}


class MqttError(RigwatchError):
    """The connection cannot be made, or ended before the work was done."""


class Unreachable(MqttError):
    """No answer, or not in time, or not over a trusted certificate. Trying again may help."""


class MqttRefused(MqttError):
    """The broker answered and said no. Trying again helps only after something changed; so try slowly.

    `login` tells that it was the user name, password or client id that it did not accept.
    """

    def __init__(self, message: str, *, login: bool = False) -> None:
        super().__init__(message)
        self.login = login


class MqttMessage(Struct, frozen=True):
    """Something received. `retained`: it was kept by the broker, not sent just now."""

    topic: str
    payload: bytes
    retained: bool


class MqttConnection:
    """An open connection. `lost` is done, with the reason, once it has ended in any other way than `close`."""

    def __init__(self, client: Client, on_message: Callable[[MqttMessage], None], tick: float) -> None:
        self.lost: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._loop = asyncio.get_running_loop()
        self._client = client
        self._on_message = on_message
        self._connack: asyncio.Future[ReasonCode] = self._loop.create_future()
        self._pending: dict[int, asyncio.Future[None]] = {}
        self._suback: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._tick_every = tick
        self._ticker: asyncio.TimerHandle | None = None
        self._descriptor: int | None = None
        self._paused = False
        self._closing = False

    @classmethod
    async def open(
        cls,
        endpoint: Endpoint,
        login: MqttLogin,
        *,
        on_message: Callable[[MqttMessage], None],
        will: LastWill | None = None,
        keepalive: int = 10,
        timeout: float = 10,
    ) -> Self:
        """Connects with a clean session; raises `Unreachable` or `MqttRefused` within about `timeout` seconds.

        `on_message` is called on the loop and must neither block nor raise. A broker is noticed as dead after at most
        two `keepalive` (seconds).
        """
        client = Client(
            CallbackAPIVersion.VERSION2,
            login.client_id,
            clean_session=True,
            protocol=_PROTOCOL,
            # paho would otherwise answer some refusals by connecting again, with an older protocol and blocking us.
            reconnect_on_failure=False,
        )
        client.username_pw_set(login.username, login.password)
        client.connect_timeout = timeout
        # paho would look through all that is in flight at each PUBACK; whoever publishes much bounds it (`publish`).
        client.max_inflight_messages_set(0)
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=True)
        connection = cls(client, on_message, tick=min(1.0, keepalive / 4))
        try:
            async with asyncio.timeout(timeout):
                await connection._connect(endpoint, keepalive)
        except TimeoutError:
            raise Unreachable(f"{endpoint}: no answer within {timeout:g} s") from None
        finally:
            if not connection._is_up():
                connection._release()
        return connection

    async def subscribe(self, *filters: str, qos: int = 1) -> None:
        """Subscribes and waits for the answer; raises `MqttRefused` when any filter was not granted."""
        answer: asyncio.Future[list[ReasonCode]] = self._loop.create_future()
        if self._has_ended():
            raise MqttError("the connection has ended")
        code, mid = self._client.subscribe([(topic, qos) for topic in filters])
        if code != MQTTErrorCode.MQTT_ERR_SUCCESS or mid is None:
            raise MqttError("the connection has ended")
        self._suback[mid] = answer
        granted = await answer
        # A broker that answers for fewer filters than it was asked has granted no more.
        codes = {topic: reason.value for topic, reason in zip(filters, granted, strict=False)}
        if denied := [topic for topic in filters if codes.get(topic, _SUBACK_FAILURE) >= _SUBACK_FAILURE]:
            raise MqttRefused(f"not allowed to subscribe to {', '.join(denied)}")

    def publish(self, topic: str, payload: bytes, *, qos: int = 1, retain: bool = False) -> asyncio.Future[None]:
        """Sends; the future is done at the PUBACK, or at once for QoS 0. It fails with `MqttError` at the end.

        Nobody has to wait for it: an unawaited failure is not reported. At most 65,535 may be in flight; more fail.
        """
        done: asyncio.Future[None] = self._loop.create_future()
        if qos == 0 and not retain and self._descriptor is not None:
            self._client.post(topic, payload)
            done.set_result(None)
            return done
        done.add_done_callback(_retrieve)
        # Sending may find the connection dead, which detaches it before `publish` returns.
        info = self._client.publish(topic, payload, qos=qos, retain=retain) if self._descriptor is not None else None
        if info is None or self._has_ended():
            done.set_exception(MqttError("the connection has ended"))
        elif info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            done.set_exception(MqttError("too much is in flight"))
        elif qos == 0:
            done.set_result(None)
        else:
            self._pending[info.mid] = done
        return done

    def pause(self) -> None:
        """Stops reading, so that the broker's queue and TCP hold what comes; a pause longer than the keep-alive ends
        the connection, since the broker's ping answers are not read either."""
        if self._descriptor is not None and not self._paused:
            self._loop.remove_reader(self._descriptor)
        self._paused = True

    def resume(self) -> None:
        """Reads on after `pause`."""
        if self._descriptor is not None and self._paused:
            self._loop.add_reader(self._descriptor, self._read)
            # What TLS had decrypted when the pause began makes no socket readable.
            self._loop.call_soon(self._read)
        self._paused = False

    async def close(self) -> None:
        """Sends DISCONNECT, upon which the broker drops the will, and closes. Does nothing when already ended."""
        sock = self._client.socket()
        if self._has_ended() or not isinstance(sock, socket.socket):
            self._release()
            return
        self._closing = True
        # paho closes its socket with the DISCONNECT. Were something unread then, the kernel would send a reset, which
        # may overtake the DISCONNECT: the broker would publish the will. A second handle puts that off.
        with socket.fromfd(sock.fileno(), sock.family, sock.type) as handle:
            try:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CLOSE_SECONDS):
                        await self._disconnect()
                        await self._drain(handle)
            finally:
                self._release()

    def abort(self) -> None:
        """Drops the connection as a dying process would: no DISCONNECT, so the broker publishes the will."""
        self._closing = True
        self._release()

    async def _disconnect(self) -> None:
        self._client.disconnect()
        # paho queues it for our loop; it is sent at once unless the socket is full.
        self._client.loop_write()
        while not self._has_ended() and self._client.want_write():  # noqa: ASYNC110 - paho tells nobody
            await asyncio.sleep(0.01)

    async def _drain(self, handle: socket.socket) -> None:
        """Reads what is left until the broker hangs up."""
        handle.setblocking(False)
        with suppress(OSError):
            handle.shutdown(socket.SHUT_WR)
            while await self._loop.sock_recv(handle, 65_536):
                pass

    async def _connect(self, endpoint: Endpoint, keepalive: int) -> None:
        # With this set, paho leaves CONNECT for `_attach` to send. A thread that gets through after we gave up must not
        # send it: the broker would end a newer connection of the same client id.
        self._client.on_socket_register_write = lambda _c, _u, _s: None
        work = _threads().submit(_dial, self._client, endpoint, keepalive)
        connecting = asyncio.wrap_future(work)
        try:
            await asyncio.shield(connecting)
        except asyncio.CancelledError:
            if not work.cancel():
                connecting.add_done_callback(self._connected_too_late)
            raise
        except ssl.SSLCertVerificationError as exc:
            # Not of a server that was signed anew, once it is looked at anew.
            forget_authorities()
            raise Unreachable(f"{endpoint}: TLS: {exc.verify_message}{clock_suspected(exc)}") from exc
        except WrongServer as exc:
            raise Unreachable(f"{endpoint}: {exc}") from exc
        except ssl.SSLError as exc:
            raise Unreachable(f"{endpoint}: TLS: {exc.reason or exc}") from exc
        except (OSError, ValueError) as exc:
            raise Unreachable(f"{endpoint}: {getattr(exc, 'strerror', None) or exc}") from exc
        self._attach()
        reason = await self._connack
        if reason.is_failure:
            raise MqttRefused(f"{endpoint}: {reason}", login=str(reason) in _NOT_WELCOME)

    def _connected_too_late(self, connecting: "asyncio.Future[MQTTErrorCode]") -> None:
        if not connecting.cancelled():
            connecting.exception()
        self._release()

    def _has_ended(self) -> bool:
        return self._descriptor is None

    def _is_up(self) -> bool:
        return (
            self._connack.done()
            and not self._connack.cancelled()
            and self._descriptor is not None
            and (self._connack.exception() is None and not self._connack.result().is_failure)
        )

    def _attach(self) -> None:
        client, sock = self._client, self._client.socket()
        if sock is None:
            raise Unreachable("the connection ended at once")
        client.on_connect = self._connected
        client.on_disconnect = self._disconnected
        client.on_message = self._received
        client.on_received = self._taken
        client.on_publish = self._published
        client.on_subscribe = self._subscribed
        client.on_socket_register_write = lambda _c, _u, _s: self._want_write()
        client.on_socket_unregister_write = lambda _c, _u, _s: self._stop_writing()
        client.on_socket_close = lambda _c, _u, _s: self._detach()
        client.send_at_once()
        self._descriptor = sock.fileno()
        self._loop.add_reader(self._descriptor, self._read)
        if client.want_write():
            self._want_write()
        self._ticker = self._loop.call_later(self._tick_every, self._tick)

    def _read(self) -> None:
        if not self._may_read():
            return
        client = self._client
        client.read(self._may_read)
        sock = client.socket()
        # What TLS has already decrypted makes no socket readable; left there it would wait for the next packet.
        while self._may_read() and (client.has_unread or (isinstance(sock, ssl.SSLSocket) and sock.pending())):
            client.read(self._may_read)
            sock = client.socket()

    def _may_read(self) -> bool:
        return not self._paused and not self._has_ended()

    def _want_write(self) -> None:
        if self._descriptor is None:
            return
        try:
            self._loop.add_writer(self._descriptor, self._client.loop_write)
        except RuntimeError:
            # uvloop has closed its handle of a socket that failed, and says nothing of it to whoever reads there.
            self._detach()
            self._fail("the socket failed")

    def _stop_writing(self) -> None:
        if self._descriptor is not None:
            self._loop.remove_writer(self._descriptor)

    def _tick(self) -> None:
        self._ticker = self._loop.call_later(self._tick_every, self._tick)
        self._client.loop_misc()

    def _detach(self) -> None:
        if self._descriptor is not None:
            with suppress(RuntimeError):
                self._loop.remove_reader(self._descriptor)
                self._loop.remove_writer(self._descriptor)
            self._descriptor = None
        if self._ticker is not None:
            self._ticker.cancel()
            self._ticker = None

    def _release(self) -> None:
        """Closes the socket and fails whoever still waits. Safe to call again."""
        self._detach()
        sock = self._client.socket()
        if sock is not None:
            self._client.on_disconnect = None
            sock.close()
        self._fail("closed")

    def _connected(
        self, _client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if not self._connack.done():
            self._connack.set_result(reason)

    def _disconnected(
        self, _client: paho.Client, _userdata: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        self._detach()
        self._fail(str(reason))

    def _fail(self, why: str) -> None:
        error = MqttError(f"the connection ended: {why}")
        if not self._connack.done():
            self._connack.set_exception(Unreachable(f"the connection ended before it was accepted: {why}"))
            _retrieve(self._connack)
        pending, self._pending = self._pending, {}
        for done in pending.values():
            if not done.done():
                done.set_exception(error)
        suback, self._suback = self._suback, {}
        for answer in suback.values():
            if not answer.done():
                answer.set_exception(error)
        if not self.lost.done() and not self._closing:
            self.lost.set_result(why)

    def _taken(self, topic: str, payload: bytes, retained: bool) -> None:  # noqa: FBT001 - as the client calls it
        self._on_message(MqttMessage(topic, payload, retained))

    def _received(self, _client: paho.Client, _userdata: object, message: paho.MQTTMessage) -> None:
        self._on_message(MqttMessage(message.topic, bytes(message.payload), message.retain))

    def _published(
        self, _client: paho.Client, _userdata: object, mid: int, _reason: ReasonCode, _props: Properties | None
    ) -> None:
        done = self._pending.pop(mid, None)
        if done is not None and not done.done():
            done.set_result(None)

    def _subscribed(
        self, _client: paho.Client, _userdata: object, mid: int, reasons: list[ReasonCode], _props: Properties | None
    ) -> None:
        answer = self._suback.pop(mid, None)
        if answer is not None and not answer.done():
            answer.set_result(reasons)


_PROTOCOL = MQTTProtocolVersion.MQTTv311


def _dial(client: Client, endpoint: Endpoint, keepalive: int) -> MQTTErrorCode:
    """Blocks; what it raises, `_connect` translates."""
    if endpoint.tls:
        client.tls_set_context(client_context(trusted_for(endpoint, client.connect_timeout)))
    return client.connect(endpoint.host, endpoint.port, keepalive)


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=16, thread_name_prefix="mqtt-connect")


def _retrieve(future: "asyncio.Future[None] | asyncio.Future[ReasonCode]") -> None:
    """Marks a failure as seen, so that the loop does not report a future nobody waited for."""
    if not future.cancelled():
        future.exception()
