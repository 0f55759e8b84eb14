"""How a node is let in: enrolled, and told all it needs in one line. Who may do that is decided elsewhere."""

from rigwatch.address import broker_url
from rigwatch.clock import Millis
from rigwatch.home import Home
from rigwatch.master import master_key
from rigwatch.registry import Registry
from rigwatch.settings.server import ServerSettings
from rigwatch.tokens import JoinToken
from rigwatch.topics import NodeId
from rigwatch.trust import trust_of_rigs


class Joining:
    """The nodes of one home, and what makes their tokens; `url` is how the rigs reach the broker. With `whole` tokens
    hold the authority's certificate, for a rigwatch on the rig that cannot read short ones.

    Raises `RigwatchError` without a key or an authority, when nothing is changed yet. 0.1 s with a passphrase.
    """

    def __init__(self, home: Home, settings: ServerSettings, *, url: str = "", whole: bool = False) -> None:
        self._master = master_key(home, settings)
        self._url = url or broker_url(settings.broker)
        self._trust = trust_of_rigs(home, settings.broker, self._url, whole=whole)
        self.registry = Registry(home.nodes_json)

    def token(self, node: NodeId, now: Millis) -> str:
        """Enrolls the node, if it is not, and returns its token, a secret."""
        return self.token_of(node, self.registry.enroll(node, now).generation)

    def token_of(self, node: NodeId, generation: int) -> str:
        """The token of that key, whether it counts or not; nobody is enrolled by it."""
        key = self._master.node_key(node, generation)
        return JoinToken(self._url, node, key, self._trust.ca, self._trust.pin).encode()
