"""Which trees are published where: on rigwatch's own broker, and on the one that its owner has besides."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rigwatch.clock import Clock
from rigwatch.errors import SettingsError
from rigwatch.home import Home
from rigwatch.mqtt import Endpoint, LastWill, MqttConnection, MqttLogin, MqttMessage
from rigwatch.settings.server import FeedSettings
from subscriber.feed.places import Places
from subscriber.feed.publisher import Feed, FeedLeadership, FeedTarget
from subscriber.feed.reader import FeedReader
from subscriber.worker import StoreWorker


@dataclass(frozen=True, slots=True)
class Broker:
    """Where a tree goes to, and as whom."""

    endpoint: Endpoint
    login: MqttLogin


def feeds_of(
    settings: FeedSettings,
    home: Home,
    own: Broker,
    worker: StoreWorker,
    *,
    turn: FeedLeadership,
    clock: Clock,
    link: str,
) -> list[Feed]:
    """`own` is the subscriber's account on the broker that the rigs use."""
    reader = FeedReader()
    # The subscriber's account once more: its own connection must not carry a will that tells of the feed.
    own = Broker(own.endpoint, replace(own.login, client_id=f"{own.login.client_id}.feed"))

    targets = [FeedTarget(partial(_open, own))]
    if settings.broker:
        places = Places(settings.topic_prefix, settings.discovery_prefix)
        where = f" at {Endpoint.parse(settings.broker)}"
        targets.append(FeedTarget(partial(_open_other, settings, home), places, where))
    return [Feed(settings, worker, each, reader=reader, turn=turn, clock=clock, link=link) for each in targets]


def other_broker(settings: FeedSettings, home: Home) -> Broker:
    """The account may be left out where that broker lets everybody in. The client id tells machine and home: of two
    with the same one each would throw the other out."""
    parts = urlsplit(settings.broker)
    ca = _read(home.path / settings.broker_ca) if settings.broker_ca else None
    where = sha256(os.fspath(home.path.resolve()).encode()).hexdigest()[:6]
    login = MqttLogin(
        unquote(parts.username or ""), unquote(parts.password or ""), f"rigwatch.{socket.gethostname()[:40]}.{where}"
    )
    return Broker(Endpoint.parse(settings.broker, ca), login)


async def _open_other(
    settings: FeedSettings, home: Home, on_message: Callable[[MqttMessage], None], will: LastWill
) -> MqttConnection:
    """Its authority is read anew each time: a file that is gone costs this feed, and nothing else."""
    return await _open(other_broker(settings, home), on_message, will)


async def _open(broker: Broker, on_message: Callable[[MqttMessage], None], will: LastWill) -> MqttConnection:
    return await MqttConnection.open(broker.endpoint, broker.login, on_message=on_message, will=will)


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as exc:
        raise SettingsError(f"feed.broker_ca: {path} cannot be read as a certificate in PEM ({exc})") from exc
