"""What a connection needs of the broker around it, and others of a connection: interfaces, and nothing that acts."""

from typing import TYPE_CHECKING, Protocol

from broker.connect import Connect
from broker.counters import Counters
from broker.lines import Lines

if TYPE_CHECKING:
    from broker.connection import Connection


class HoldsPart(Protocol):
    """Something that collects bytes until they are whole."""

    @property
    def has_partial(self) -> bool: ...


class Reader(Protocol):
    """Something that has stopped reading because its client sends too much."""

    def unthrottle(self) -> None:
        """Time has passed."""
        ...


class Server(Protocol):
    """What a connection needs of the broker around it."""

    counters: Counters
    lines: Lines
    tick: float
    """Broker time in seconds: it stands still while the broker does, so that nobody is called silent for that."""
    connect_timeout: float
    """Seconds from the accept to a login that is decided."""

    def flush_soon(self, connection: "Connection") -> None: ...

    def throttle(self, reader: "Reader") -> None:
        """Has it read on when time has passed."""
        ...

    def take_turns(self, connection: "Connection") -> None:
        """Has it read on when the others had their turn."""
        ...

    def authenticate(self, connection: "Connection", connect: Connect) -> None:
        """Decides about a CONNECT, now or later, by `accept` or `reject`."""
        ...

    def left(self, connection: "Connection") -> None:
        """MQTT has ended on the connection, whatever it was."""
        ...

    def closed(self, connection: "Connection") -> None:
        """The socket is gone."""
        ...
