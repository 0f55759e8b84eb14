"""What a home lacks that its rigs count on, as after a restore that left something out; changes nothing."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Final

from rigwatch.address import broker_url
from rigwatch.clock import in_millis
from rigwatch.home import Home
from rigwatch.registry import Enrollment, Registry
from rigwatch.settings import ServerSettings
from rigwatch.topics import NodeId

_SLACK: Final = timedelta(days=1)
"""The first node of `rigwatch up` is enrolled before the broker makes its authority."""


def missing(home: Home, settings: ServerSettings, *, enrolled: int) -> list[str]:
    """One line each, what is not there and what to do. `enrolled`: nodes that the database knows to be enrolled.

    Raises `RigwatchError` where the list of nodes cannot be read.
    """
    from rigwatch import tls

    nodes, found = Registry(home.nodes_json).nodes(), []
    if enrolled and not home.nodes_json.exists() and settings.security.enrollment == "closed":
        found.append(f"{home.nodes_json}: the database knows {enrolled} enrolled nodes, and none of them is let in")
    if nodes and not settings.security.passphrase and not home.secret_key.exists():
        found.append(f"{home.secret_key}: without it no key of any node is known")
    if nodes and _trusts_ours(settings) and not tls.has_authority(home):
        found.append(f"{home.tls}: rigs trust the authority in it, and refuse the one that would be made instead")
    named = [settings.broker.tls_certificate, settings.broker.tls_key, settings.broker.tls_ca]
    named += [settings.web.tls_certificate, settings.web.tls_key]
    paths = [home.path / each for each in named if each]
    return found + [f"{path}: the settings name it" for path in paths if not path.exists()]


def is_replaced(home: Home, settings: ServerSettings) -> bool:
    """Whether the authority is younger than nodes that were told to trust one: another was there before."""
    from rigwatch import tls

    nodes = Registry(home.nodes_json).nodes()
    if not _trusts_ours(settings) or not tls.has_authority(home) or not (first := _first(nodes)):
        return False
    return tls.authority_made_at(home) > first + in_millis(_SLACK)


def _trusts_ours(settings: ServerSettings) -> bool:
    broker = settings.broker
    return broker.mode == "embedded" and not broker.tls_certificate and broker_url(broker).startswith("mqtts:")


def _first(nodes: Mapping[NodeId, Enrollment]) -> int:
    return min((each.enrolled_at for each in nodes.values() if not each.revoked), default=0)
