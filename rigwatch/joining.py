"""How a node is let in: enrolled, and told all it needs in one line. Who may do that is decided elsewhere."""

from rigwatch import tls
from rigwatch.address import broker_url
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.master import master_key
from rigwatch.registry import Registry
from rigwatch.settings.server import ServerSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId


class Joining:
    """The nodes of one home, and what makes their tokens; `url` is how the rigs reach the broker.

    Raises `RigwatchError` without a key or an authority, when nothing is changed yet. 0.1 s with a passphrase.
    """

    def __init__(self, home: Home, settings: ServerSettings, *, url: str = "") -> None:
        self._master = master_key(home, settings)
        self._url = url or broker_url(settings.broker)
        embedded = settings.broker.mode == "embedded" and self._url.startswith("mqtts:")
        self._trusted = tls.trusted_by_clients(home, settings.broker) if embedded else None
        self.registry = Registry(home.nodes_json)

    def token(self, node: NodeId, now: Millis) -> str:
        """Enrolls the node, if it is not, and returns its token, a secret."""
        return self.token_of(node, self.registry.enroll(node, now).generation)

    def token_of(self, node: NodeId, generation: int) -> str:
        """The token of that key, whether it counts or not; nobody is enrolled by it."""
        return JoinToken(self._url, node, self._master.node_key(node, generation), self._trusted).encode()
