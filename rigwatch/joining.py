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


def join_token(home: Home, settings: ServerSettings, node: NodeId, *, now: Millis, url: str = "") -> str:
    """Enrolls the node, if it is not, and returns its token, a secret; `url` is how the rig reaches the broker.

    Raises `RigwatchError` without a key or an authority, and then nothing is changed. 0.1 s with a passphrase.
    """
    master = master_key(home, settings)
    url = url or broker_url(settings.broker)
    embedded = settings.broker.mode == "embedded"
    trusted = tls.trusted_by_clients(home, settings.broker) if url.startswith("mqtts:") and embedded else None
    enrollment = Registry(home.nodes_json).enroll(node, now)
    return JoinToken(url, node, master.node_key(node, enrollment.generation), trusted).encode()
