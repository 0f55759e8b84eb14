"""Which master key this server uses: the one choice that broker, subscriber and command line must make alike."""

from rigwatch.home import Home
from rigwatch.keys import MasterKey
from rigwatch.registry import NodeAccess, Registry
from rigwatch.settings.server import ServerSettings


def master_key(home: Home, settings: ServerSettings) -> MasterKey:
    """Stretched from the passphrase where one is set, else read from the home; raises `RigwatchError`."""
    passphrase = settings.security.passphrase
    return MasterKey.from_passphrase(passphrase) if passphrase else MasterKey.load(home.secret_key)


def node_access(home: Home, settings: ServerSettings, master: MasterKey, *, max_age: float = 0.0) -> NodeAccess:
    """Who may appear as a node, by the home's list, which may be `max_age` seconds old, and the settings."""
    registry = Registry(home.nodes_json, max_age=max_age)
    return NodeAccess(master, registry, open_enrollment=settings.security.enrollment == "open")
