"""A broker of ours in the test's own loop, in a fresh home, with everybody's logins at hand."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from broker.accounts import AccountFile
from broker.rights import Role
from broker.service import Bound, serve
from rigwatch.clock import Clock, SystemClock
from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import Registry
from rigwatch.settings.server import BrokerLimits, BrokerSettings, SecuritySettings, ServerSettings
from rigwatch.tls import ca_pem
from rigwatch.topics import NodeId
from tests.integration.broker.peer import Login, Peer, Will
from tests.ports import free_ports

RIG1 = NodeId("main", "rig1")
RIG2 = NodeId("main", "rig2")
PASSPHRASE = "a passphrase of the whole farm"


@dataclass(frozen=True, slots=True)
class House:
    """Where to connect and who may."""

    home: Home
    master: MasterKey
    registry: Registry
    accounts: AccountFile
    port: int
    tls_port: int = 0
    websocket_port: int = 0
    metrics_port: int = 0

    def node(self, node: NodeId = RIG1, *, generation: int = 0, keep_alive: int = 0, will: Will | None = None) -> Login:
        password = self.master.node_key(node, generation).mqtt_password
        return Login(str(node), password, str(node), keep_alive=keep_alive, will=will)

    def service(self, name: str = "subscriber") -> Login:
        return Login(name, self.master.service_password(name), name)

    def account(self, name: str, role: Role, *, deny: tuple[str, ...] = (), sites: tuple[str, ...] = ()) -> Login:
        return Login(name, self.accounts.add(name, role, deny=deny, sites=sites), name)

    async def join(self, login: Login) -> Peer:
        """Over plain MQTT; the login has to be right."""
        peer = await Peer.join(self.port, login)
        assert peer.code == 0
        return peer

    async def watcher(self, *filters: str) -> Peer:
        """Sees what is sent on these topics, by default on all of rigwatch."""
        peer = await self.join(replace(self.service("watch"), client_id=f"watch.{id(filters)}"))
        for topic_filter in filters or ("rigwatch/v1/#",):
            assert await peer.subscribe(topic_filter) == 1
        return peer

    def client_tls(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=ca_pem(self.home))


@asynccontextmanager
async def broker_running(
    folder: Path,
    limits: BrokerLimits | None = None,
    *,
    tls: bool = False,
    websocket: bool = False,
    metrics: bool = False,
    security: SecuritySettings | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[House]:
    """Plain MQTT on a free port, and what else is asked for; RIG1 and RIG2 are enrolled."""
    port, tls_port, websocket_port, metrics_port = free_ports(4)
    settings = ServerSettings(
        broker=BrokerSettings(
            host="127.0.0.1",
            port=tls_port * tls,
            plain_port=port,
            websocket_port=websocket_port * websocket,
            websocket_tls=tls,
            metrics_port=metrics_port * metrics,
            limits=limits or BrokerLimits(),
        ),
        security=security or SecuritySettings(),
    )
    house = prepare_house(folder, settings)
    async with serving(house.home, settings, clock) as bound:
        yield replace(house, tls_port=bound.port, websocket_port=bound.websocket_port, metrics_port=bound.metrics_port)


def prepare_house(folder: Path, settings: ServerSettings) -> House:
    home = Home(folder)
    home.prepare()
    master = MasterKey.from_passphrase(settings.security.passphrase) if settings.security.passphrase else _fresh(home)
    registry = Registry(home.nodes_json)
    for node in (RIG1, RIG2):
        registry.enroll(node, now=1)
    return House(home, master, registry, AccountFile.of(home), settings.broker.plain_port)


@asynccontextmanager
async def serving(home: Home, settings: ServerSettings, clock: Clock | None = None) -> AsyncIterator[Bound]:
    """The broker's service as a task, from `ready` to its clean end."""
    stop = asyncio.Event()
    bound: list[Bound] = []
    ready = asyncio.Event()

    def begun(ports: Bound) -> None:
        bound.append(ports)
        ready.set()

    task = asyncio.create_task(serve(home, settings, clock=clock or SystemClock(), stop=stop, ready=begun))
    task.add_done_callback(lambda _task: ready.set())
    await ready.wait()
    if task.done():
        task.result()
    try:
        yield bound[0]
    finally:
        Peer.drop_all()
        stop.set()
        await task


def limits(**changed: object) -> BrokerLimits:
    return msgspec.structs.replace(BrokerLimits(), **changed)


def _fresh(home: Home) -> MasterKey:
    if not home.secret_key.exists():
        MasterKey.random().save(home.secret_key)
    return MasterKey.load(home.secret_key)
