"""Settings: read once into frozen values, checked in full, with errors that name the file, the key and the value."""

from rigwatch.settings.publisher import NodeSettings, PublisherSettings, load_publisher
from rigwatch.settings.server import (
    BrokerSettings,
    DatabaseSettings,
    SecuritySettings,
    ServerSettings,
    WebColours,
    WebSettings,
    load_server,
)

__all__ = [
    "BrokerSettings",
    "DatabaseSettings",
    "NodeSettings",
    "PublisherSettings",
    "SecuritySettings",
    "ServerSettings",
    "WebColours",
    "WebSettings",
    "load_publisher",
    "load_server",
]
