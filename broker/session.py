"""What the broker remembers of a client, connected or not: an amqtt session without its state machine and queues."""

from asyncio import Queue
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from amqtt.session import Session

from broker.outgoing import Outgoing
from broker.rights import Account
from broker.subscription import Subscription

_CONTAINERS: Final[dict[str, Callable[[], Any]]] = {
    "attributes": dict,
    "inflight_in": OrderedDict,
    "inflight_out": OrderedDict,
    "retained_messages": Queue,
    "delivered_message_queue": Queue,
}


class _States:
    """Answers for amqtt's `transitions.Machine`, which costs more than everything else in a session together."""

    __slots__ = ("_session",)

    def __init__(self, session: "ClientSession") -> None:
        self._session = session

    @property
    def state(self) -> str:
        return "connected" if self.is_connected() else "disconnected"

    def is_connected(self) -> bool:
        return self._session.outgoing.wire is not None


class ClientSession(Session):
    """Subscriptions, unacknowledged and waiting messages of one client.

    amqtt's own fields are kept for its plugins and context: constants as class attributes, containers made when asked
    for, so that ten thousand sessions cost no more than what they hold. A test compares them with amqtt's.
    """

    remote_address = None
    remote_port = None
    will_flag = False
    will_message = None
    will_qos = None
    will_retain = None
    will_topic = None
    keep_alive = 0
    publish_retry_delay = 0
    broker_uri = None
    password = None
    cafile = None
    capath = None
    cadata = None
    _packet_id = 0
    parent = 0
    last_connect_time = None
    ssl_object = None
    last_disconnect_time = None
    is_anonymous = False

    def __init__(self, key: str, account: Account, *, expiry: int, outgoing: Outgoing) -> None:
        # amqtt's own __init__ is left out on purpose, see above.
        self.client_id: str = key
        self.username: str = account.name
        self.keep_for(expiry)
        self.account = account
        self.outgoing = outgoing
        self.subscriptions: dict[str, Subscription] = {}
        self.half_received: set[int] | None = None
        """Packet ids of QoS 2 messages whose PUBREL has not come: a second copy of them is not published."""
        self.proof = b""
        """What the last login was accepted for; see `broker.access`."""
        self.is_bridge = False
        """Whether its client is another broker: told what is kept, and not sent what it brought."""
        self.left_at = 0.0
        """Monotonic seconds at which the client went."""

    def keep_for(self, seconds: int) -> None:
        """How long it outlives its connection."""
        self.expiry = seconds
        self.clean_session: bool = not seconds

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - amqtt's containers have no common type
        """Makes one of amqtt's containers when something asks for it for the first time."""
        if name == "transitions":
            made: Any = _States(self)
        elif name in _CONTAINERS:
            made = _CONTAINERS[name]()
        else:
            raise AttributeError(f"a session has no {name!r}")
        setattr(self, name, made)
        return made

    @property
    def inflight_out_count(self) -> int:
        return self.outgoing.in_flight

    @property
    def inflight_in_count(self) -> int:
        return len(self.half_received or ())

    @property
    def retained_messages_count(self) -> int:
        return self.outgoing.waiting

    def clear_queues(self) -> None:
        """Called by amqtt when it forgets a session."""
        self.half_received = None

    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other
