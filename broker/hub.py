"""Holds the connections together: lets them in, decides their logins, flushes them, and ends the ones that hang."""

import asyncio
import logging
from typing import Final

import msgspec

from broker.access import Access, Admitted, Refused, Verdict
from broker.admission import Admission
from broker.allowance import Allowances, packet_size_of
from broker.client5 import Client5
from broker.client311 import Client311
from broker.connect import FOREVER, Connect
from broker.connection import Connection, State
from broker.contest import Takeovers
from broker.counters import Counters
from broker.embedded import EmbeddedBroker
from broker.endings import KEEP_ALIVE
from broker.lines import network_of
from broker.message import Message
from broker.reasons import Reason
from broker.refusals import Refusals
from broker.review import Review
from broker.server import Reader
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.settings.server import BrokerLimits
from rigwatch.takeover import Takeover, topic_of_takeover
from rigwatch.topics import NodeId

log = logging.getLogger(__name__)

PERIOD: Final = 0.25
"""Seconds between two looks at all connections."""
# How much broker time one look may add: a broker that was stopped for a minute must not call everybody silent.
_STEP_MAX: Final = 2 * PERIOD
_PARTIAL_MAX: Final = 60.0
_CROWDED: Final = Refused(Reason.QUOTA_EXCEEDED, "too many clients of one account")
_HASTY: Final = Refused(Reason.RATE_EXCEEDED, "too many logins of one account")
_CLOSING_STEP: Final = 0.01
_CLOSING_STEPS: Final = 50
_HASTY_DELAY: Final = 1.0
_NO_LONGER: Final = Refused(Reason.WRONG_LOGIN, "login no longer good")
_FAILED: Final = Refused(Reason.UNAVAILABLE, "the check itself failed")


class Hub:
    """One for all listeners. `sweep` has to run for limits of time to be kept."""

    def __init__(self, broker: EmbeddedBroker, access: Access, limits: BrokerLimits, clock: Clock) -> None:
        self.broker = broker
        self.access = access
        self.limits = limits
        self.counters: Counters = broker.counters
        self.tick = 0.0
        self.connect_timeout = limits.connect_timeout.total_seconds()
        self.lines = broker.lines
        self._allowances = Allowances(limits)
        self._admission = Admission(limits)
        self.clock = clock
        self._looked_at = clock.monotonic()
        self._refusals = Refusals()
        self._takeovers = Takeovers()
        self._open: set[Connection] = set()
        # In the order in which they came; the first is the one that has been silent longest.
        self._pending: dict[Connection, None] = {}
        self._throttled: set[Reader] = set()
        self._waiting_turn: dict[Connection, None] = {}
        self.review = Review(broker, access)
        self._unflushed: list[Connection] = []
        self._deciding: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()

    def enter(self, address: str, port: int = 0) -> Connection | None:
        """A protocol for a socket that was just accepted; None: close it, there are too many."""
        self.counters.accepted += 1
        who = network_of(address)
        objection = self._admission.objection(who)
        if objection is not None:
            self._say_turned_away(address, objection)
            return None
        self._admission.enter(who)
        self.counters.connections += 1
        connection = Connection(self, (address, port), self.limits.packet_size)
        self._open.add(connection)
        self._pending[connection] = None
        if len(self._pending) > self.limits.pending:
            # Newcomers are worth more than those who had their time: so a flood of silent sockets shuts nobody out.
            self._turn_away(next(iter(self._pending)), "too many waiting to log in")
        return connection

    def _turn_away(self, connection: Connection, reason: str) -> None:
        self._pending.pop(connection, None)
        self._say_turned_away(connection.address, reason)
        connection.end(reason)

    def _say_turned_away(self, address: str, reason: str) -> None:
        self.counters.turned_away[reason] += 1
        self.lines.warning(
            log, "connection closed before a login", network_of(address), "address=%s reason=%s", address, reason
        )

    def left(self, connection: Connection) -> None:
        self._pending.pop(connection, None)
        self._throttled.discard(connection)
        if connection.client is not None:
            self.counters.clients -= 1

    def closed(self, connection: Connection) -> None:
        if connection in self._open:
            self._open.discard(connection)
            self._admission.leave(network_of(connection.address))
            self.counters.connections -= 1

    def throttle(self, reader: Reader) -> None:
        self._throttled.add(reader)

    def take_turns(self, connection: Connection) -> None:
        if not self._waiting_turn:
            self._loop.call_soon(self._next_turn)
        self._waiting_turn[connection] = None

    def _next_turn(self) -> None:
        waiting, self._waiting_turn = self._waiting_turn, {}
        for connection in waiting:
            connection.go_on()

    # Writing

    def flush_soon(self, connection: Connection) -> None:
        if not self._unflushed:
            self._loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        unflushed, self._unflushed = self._unflushed, []
        for connection in unflushed:
            connection.flush()

    # Logins

    def authenticate(self, connection: Connection, connect: Connect) -> None:
        try:
            verdict = self.access.check(connect)
        except Exception as exc:  # noqa: BLE001 - named just below
            # The boundary behind which accounts and keys are read: what fails there refuses this login, and is logged.
            verdict = self._failed(exc)
        if verdict is not None:
            self._settle(connection, connect, verdict)
            return
        task = self._loop.create_task(self._decide_slowly(connection, connect), name="login")
        self._deciding.add(task)
        task.add_done_callback(self._deciding.discard)

    async def _decide_slowly(self, connection: Connection, connect: Connect) -> None:
        if self._refusals.is_hot(network_of(connection.address), self.tick):
            await self.clock.sleep(1.0)
        try:
            verdict = await self.access.check_slowly(connect)
        except Exception as exc:  # noqa: BLE001 - named just below
            # The same boundary as in `authenticate`: this login is refused, and the client may try again.
            verdict = self._failed(exc)
        self._settle(connection, connect, verdict)

    def _failed(self, exc: Exception) -> Refused:
        """Logged now and then only, since anybody who knocks can cause the next."""
        self.lines.write(log, logging.ERROR, "logins cannot be checked and are refused", "", "", (), exc)
        return _FAILED

    def _settle(self, connection: Connection, connect: Connect, verdict: Verdict) -> None:
        if connection.state is State.ENDED:
            return
        if isinstance(verdict, Admitted) and not self.broker.has_room(verdict):
            verdict = _CROWDED
        if isinstance(verdict, Refused):
            self._reject(connection, connect, verdict)
            return
        wait = self._allowances.of(verdict.account, self.tick).login_wait(self.tick)
        if wait is None:
            self._reject(connection, connect, _HASTY)
        elif wait:
            self._loop.call_later(wait, self._accept_late, connection, connect, verdict)
        else:
            self._accept(connection, connect, verdict)

    def _accept_late(self, connection: Connection, connect: Connect, admitted: Admitted) -> None:
        """The login was right some seconds ago; it may have become wrong, and its client may have given up."""
        if connection.state is State.ENDED:
            return
        try:
            account = self.access.account_now(admitted.account, admitted.proof)
        except RigwatchError as exc:
            self._reject(connection, connect, self._failed(exc))
            return
        if account is None:
            self._reject(connection, connect, _NO_LONGER)
        elif not self.broker.has_room(admitted):
            self._reject(connection, connect, _CROWDED)
        else:
            self._accept(connection, connect, admitted)

    def _reject(self, connection: Connection, connect: Connect, refused: Refused) -> None:
        self.counters.refused[refused.reason] += 1
        user = (connect.user or "")[:64]
        who = network_of(connection.address)
        # Too many right logins are no guesses: the others behind that address do not wait for them.
        delay = _HASTY_DELAY if refused is _HASTY else self._refusals.delay(who, self.tick)
        # Names that there are, and whose keys are wrong, are of rigs that somebody looks for; others are made up.
        named = refused.is_known and self._refusals.is_named(who, user)
        if refused is not _FAILED:
            self.lines.warning(
                log, "login refused", f"{who} {user}" if named else who,
                "address=%s user=%r reason=%s", connection.address, user, refused.reason,
            )  # fmt: skip
        if delay:
            self._loop.call_later(delay, connection.reject, refused.code)
        else:
            connection.reject(refused.code)

    def _accept(self, connection: Connection, connect: Connect, admitted: Admitted) -> None:
        self._pending.pop(connection, None)
        before = self._there(admitted)
        session, present = self.broker.open_session(
            admitted, clean=connect.clean_session, expiry=self._session_expiry(connect), handler=connection
        )
        if before is not None:
            self._tell_takeover(admitted.account.node, before, connection)
        session.is_bridge = connect.bridge
        if connect.will is not None and admitted.will is None:
            self._say_will_left_out(connection, admitted, connect.will.topic)
        speaks = Client311 if connect.options is None else Client5
        client = speaks(
            self.broker, connection, session, connect=connect, admitted=admitted, address=connection.address
        )
        self.review.newcomers.add(admitted.account.name)
        self.counters.logins += 1
        self.counters.clients += 1
        self.counters.clients_maximum = max(self.counters.clients_maximum, self.counters.clients)
        connection.accept(
            client,
            connect,
            allowance=self._allowances.of(admitted.account, self.tick),
            packet_size=packet_size_of(admitted.account, self.limits),
            session_present=present,
        )

    def _session_expiry(self, connect: Connect) -> int:
        if connect.options is None:
            return 0 if connect.clean_session else self.broker.session_expiry(FOREVER)
        return self.broker.session_expiry(connect.options.session_expiry)

    def _there(self, admitted: Admitted) -> tuple[Connection, float] | None:
        """The connection of a node that this login ends, and for how long it has said nothing."""
        session, handler = self.broker.clients.get(admitted.key, (None, None))
        if session is None or session.outgoing.wire is None or not isinstance(handler, Connection):
            return None
        return handler, self.tick - handler.seen

    def _tell_takeover(self, node: NodeId | None, before: tuple[Connection, float], new: Connection) -> None:
        """The subscriber is told, before the birth comes: it knows whether these are two."""
        if node is None:
            return
        old, silent = before
        contested = self._takeovers.note(str(node), silent=silent, now=self.tick)
        if contested:
            self.lines.warning(
                log, "node is published from two places", str(node),
                "node=%s from=%s:%s and=%s:%s", node, *old.place, *new.place,
            )  # fmt: skip
        told = msgspec.json.encode(Takeover(self.clock.now(), old.place, new.place, contested))
        self.broker.publish(Message(topic_of_takeover(node), told, qos=1), retain=True)

    def _say_will_left_out(self, connection: Connection, admitted: Admitted, topic: str) -> None:
        self.counters.drop("will outside the account's rights")
        self.lines.warning(
            log, "will left out, it is outside the account's rights", admitted.account.name,
            "client=%s address=%s topic=%r", admitted.key, connection.address, topic[:200],
        )  # fmt: skip

    # Time

    def sweep(self) -> None:
        """One look at everything that time can end. Costs some 0.05 µs a connection."""
        now = self.clock.monotonic()
        self.tick += min(now - self._looked_at, _STEP_MAX)
        self._looked_at = now
        # A packet may have come up to one period after the time noted for it, and nobody is to be closed early.
        tick = self.tick - PERIOD
        for connection in [each for each in self._open if tick - each.seen > each.timeout]:
            self._end_due(connection)
        throttled, self._throttled = self._throttled, set()
        for reader in throttled:
            reader.unthrottle()

    def end_unfinished(self) -> None:
        """Without a keep-alive a client may be silent for ever, but not in the middle of a packet."""
        self._allowances.forget_idle(self.tick)
        self.lines.sum_up()
        for connection in self._open:
            if not connection.has_partial:
                connection.partial_at = None
            elif connection.partial_at is None:
                connection.partial_at = self.tick
        for connection in [each for each in self._open if self.tick - (each.partial_at or self.tick) > _PARTIAL_MAX]:
            connection.end("unfinished packet", Reason.MALFORMED)

    def _end_due(self, connection: Connection) -> None:
        if connection.state is State.LIVE:
            connection.end(KEEP_ALIVE, Reason.KEEP_ALIVE)
        elif connection.state is State.ENDED:
            connection.abort()
        else:
            self._turn_away(connection, "no login in time")

    async def close(self) -> None:
        """Ends every connection without wills: it is the broker that goes, not its clients."""
        for connection in list(self._open):
            connection.abandon()
        # Those who are told why get the moment that it takes.
        for _ in range(_CLOSING_STEPS):
            if self._open:
                await asyncio.sleep(_CLOSING_STEP)
        for connection in list(self._open):
            connection.abort()
        for task in list(self._deciding):
            task.cancel()
        await asyncio.gather(*self._deciding, return_exceptions=True)
        self.access.close()
