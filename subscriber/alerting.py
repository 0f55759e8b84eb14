"""Puts the alerts together: engine, postman, Telegram, heartbeat. The service only runs what it is given."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from rigwatch.address import web_url
from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.settings.server import ServerSettings
from subscriber.alerter import Alerter
from subscriber.alerts.blackout import Blackout
from subscriber.alerts.policy import Policy
from subscriber.emergency import Emergency
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import Channel
from subscriber.notify.channels import channels_of
from subscriber.notify.chats import Chats
from subscriber.notify.heartbeat import Facts, Heartbeat, Standing
from subscriber.notify.ledger import StoredLedger
from subscriber.notify.listener import Listener
from subscriber.notify.postman import Postman
from subscriber.notify.telegram import bot_of
from subscriber.notify.unending import unending
from subscriber.notify.wishes import Wishes
from subscriber.outage import Outage
from subscriber.watch import Watch
from subscriber.worker import Worker

log = logging.getLogger(__name__)

_WELL_FOR: Millis = 15_000


def alerting(
    settings: ServerSettings,
    worker: Worker,
    outage: Outage,
    *,
    clock: Clock,
    connected_at: Callable[[], Millis | None],
    expiring: Callable[[Millis, timedelta], Mapping[str, str]],
    name: str = "",
) -> tuple[Watch, Mapping[str, Callable[[], Coroutine[Any, Any, None]]]]:
    """The watch, and what runs beside it by name. Raises `SettingsError` for a channel that is no address.

    `name` is under which this subscriber's sign of life is kept.
    """
    chats = Chats()
    channels = channels_of(settings.alerts, chats)
    policy = Policy(settings.alerts, settings.web.timezone)
    alerter = Alerter(
        policy,
        [each.route for each in channels],
        addresses={each.key: each.address for each in channels},
        link=settings.alerts.link or web_url(settings.web),
        clock=clock,
        connected_at=connected_at,
        expiring=expiring,
        name=name,
    )
    postman = Postman(channels, StoredLedger(worker, alerter, clock=clock), clock=clock)
    watch = Watch(worker, alerter, postman, outage=outage, clock=clock)
    blackout = Blackout(policy, [each.route for each in channels])
    emergency = Emergency(outage, blackout, worker=worker, alerter=alerter, postman=postman, clock=clock)

    def facts() -> Facts:
        at = alerter.stepped_at
        steps = at is not None and clock.now() - at < _WELL_FOR and outage.since is None
        return Facts(leads=alerter.speaks, connected=connected_at() is not None, steps=steps)

    heartbeat = Heartbeat(settings.alerts.heartbeat, Standing(facts), clock=clock)
    bot = settings.alerts.telegram
    wishes = Wishes(policy, clock=clock)
    listener = Listener(bot_of(bot), bot.chats, worker, turn=alerter, wishes=wishes, chats=chats, clock=clock)
    beside: dict[str, Callable[[], Coroutine[Any, Any, None]]] = {
        **({"telegram": listener.run} if bot.token else {}),
        "postman": postman.run,
        "heartbeat": heartbeat.run,
        "emergency": emergency.run,
        "channels": lambda: _warm_up(channels),
    }
    return watch, {name: partial(unending, name, run, clock=clock) for name, run in beside.items()}


async def _warm_up(channels: list[Channel]) -> None:
    """So that the first alert does not wait for a library; a wrong address is said now, not in the night."""
    for each in channels:
        if isinstance(each.sender, AppriseSender):
            try:
                await asyncio.to_thread(each.sender.warm_up)
            except RigwatchError as exc:
                log.error("%s", exc)
            except Exception:
                # A library that cannot be loaded must not keep reports from being stored; sending will say it again.
                log.exception("channel cannot be used channel=%s", each.key)
