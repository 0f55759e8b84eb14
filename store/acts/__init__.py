"""What people decide: each act is one function `(tx, actor, now, …)` that checks, changes and writes its audit line.

Pages, the API, the command line and chats parse what was asked for, call the act and tell what became of it; nobody
else changes what is changed here. An act that is refused raises, so that its transaction is undone and no line stays.
"""

from store.acts import (
    accounts,
    channels,
    codes,
    devices,
    incidents,
    logins,
    nodes,
    server,
    settings,
    silences,
    tokens,
    totp,
    users,
)
from store.acts.actor import ActError, Actor, Way, sites_of

__all__ = [
    "ActError",
    "Actor",
    "Way",
    "accounts",
    "channels",
    "codes",
    "devices",
    "incidents",
    "logins",
    "nodes",
    "server",
    "settings",
    "silences",
    "sites_of",
    "tokens",
    "totp",
    "users",
]
