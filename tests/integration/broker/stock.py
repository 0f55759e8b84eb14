"""amqtt as it comes, with the same passwords and the same rights as ours: what is left is what amqtt itself does."""

import asyncio
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from amqtt.broker import Broker
from amqtt.contexts import Action as AmqttAction
from amqtt.contexts import BaseContext, BrokerConfig, ListenerConfig
from amqtt.plugins.base import BaseAuthPlugin, BaseTopicPlugin
from amqtt.session import Session

from broker.access import Access, Admitted
from broker.accounts import AccountFile
from broker.connect import Connect
from broker.rights import Action, allowed
from rigwatch.clock import SystemClock
from rigwatch.keys import MasterKey
from rigwatch.registry import NodeAccess
from rigwatch.settings.server import BrokerSettings, ServerSettings
from tests.integration.broker.peer import Closed
from tests.integration.broker.running import House, prepare_house
from tests.ports import free_port

Scenario = Callable[[House], Awaitable[None]]


class SameRights(BaseAuthPlugin, BaseTopicPlugin):
    """Decides as our broker does, through amqtt's own interface."""

    access: ClassVar[Access]

    @dataclass
    class Config:
        """Nothing to set."""

    def __init__(self, context: BaseContext) -> None:
        BaseAuthPlugin.__init__(self, context)

    async def authenticate(self, *, session: Session) -> bool | None:
        admitted = self._admitted(session)
        return admitted is not None

    async def topic_filtering(
        self, *, session: Session | None = None, topic: str | None = None, action: AmqttAction | None = None
    ) -> bool | None:
        admitted = self._admitted(session) if session is not None else None
        if admitted is None or topic is None or action is None or action is AmqttAction.RECEIVE:
            return admitted is not None
        return allowed(admitted.account, Action(action.value), topic)

    def _admitted(self, session: Session) -> Admitted | None:
        password = None if session.password is None else session.password.encode()
        verdict = self.access.check(Connect(session.client_id or "", True, 0, session.username, password, None))
        return verdict if isinstance(verdict, Admitted) else None


@asynccontextmanager
async def stock_running(folder: Path) -> AsyncIterator[House]:
    """amqtt's broker on a free port, shut down at the end whatever state it is in."""
    house = prepare_house(folder, ServerSettings(broker=BrokerSettings(plain_port=free_port())))
    SameRights.access = _access(house)
    config = BrokerConfig(
        listeners={"default": ListenerConfig(bind=f"127.0.0.1:{house.port}")},
        plugins={f"{__name__}.{SameRights.__name__}": {}},
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        broker = _Tidy(config)
        await broker.start()
        others = asyncio.all_tasks()
    try:
        yield house
    finally:
        async with asyncio.timeout(5):
            await broker.shutdown()
        broker.drop_all()
        await _end(asyncio.all_tasks() - others)


async def holds_only_on_ours(ours: House, stock: House, scenario: Scenario) -> None:
    """The scenario passes on ours, and fails on amqtt by itself; should it pass there too, the row can go."""
    ours_result, stock_result = await asyncio.gather(scenario(ours), scenario(stock), return_exceptions=True)
    if isinstance(ours_result, BaseException):
        raise ours_result
    assert isinstance(stock_result, AssertionError | TimeoutError | Closed), (
        f"amqtt was to fail here, but: {stock_result!r}"
    )


def _access(house: House) -> Access:
    nodes = NodeAccess(house.master, house.registry, open_enrollment=False)
    return Access(MasterKey.load(house.home.secret_key), nodes, AccountFile.of(house.home), SystemClock())


class _Tidy(Broker):
    """amqtt, but its sockets can be closed when the test is over; some of them it forgets."""

    def __init__(self, config: BrokerConfig) -> None:
        super().__init__(config)
        self._writers: list[asyncio.StreamWriter] = []

    async def stream_connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, listener_name: str
    ) -> None:
        self._writers.append(writer)
        await super().stream_connected(reader, writer, listener_name)

    def drop_all(self) -> None:
        for writer in self._writers:
            writer.transport.abort()


async def _end(tasks: set[asyncio.Task[Any]]) -> None:
    """Handlers of clients that amqtt leaves running."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
