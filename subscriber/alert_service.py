"""Puts the alerts together: engine, notifier, Telegram, heartbeat; and anew while they run, when settings change."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from alerts.blackout import Blackout
from alerts.policy import Policy
from alerts.route import Route
from rigwatch.address import web_url
from rigwatch.clock import Clock, Millis
from rigwatch.errors import RigwatchError
from rigwatch.settings.server import ServerSettings
from subscriber.alert_driver import AlertDriver
from subscriber.alert_loop import AlertLoop
from subscriber.emergency import Emergency
from subscriber.notify.apprise import AppriseSender
from subscriber.notify.channel import Channel
from subscriber.notify.channels import channels_of
from subscriber.notify.chat_commands import ChatCommands
from subscriber.notify.chats import Chats
from subscriber.notify.delivery_log import StoredDeliveryLog
from subscriber.notify.heartbeat import Heartbeat, HeartbeatFacts, WellBeing
from subscriber.notify.listener import TelegramListener
from subscriber.notify.notifier import Notifier
from subscriber.notify.telegram import bot_of
from subscriber.notify.unending import unending
from subscriber.outage import Outage
from subscriber.replaceable import Replaceable, Run
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

_WELL_FOR: Millis = 15_000


class Surroundings(Protocol):
    """What the alerts must know of the subscriber around them, which runs with the same settings for all its life."""

    @property
    def connected_at(self) -> Millis | None: ...


class AlertService:
    """`name` is under which this subscriber's sign of life is kept. Raises `SettingsError` for a channel that is no
    address."""

    def __init__(
        self,
        settings: ServerSettings,
        worker: StoreWorker,
        outage: Outage,
        *,
        clock: Clock,
        session: Surroundings,
        expiring: Callable[[Millis, timedelta], Mapping[str, str]],
        name: str = "",
    ) -> None:
        self._worker, self._outage, self._clock, self._session = worker, outage, clock, session
        self._chats = Chats()
        self.followers: list[Callable[[ServerSettings], None]] = []
        self._settings = settings
        channels = channels_of(settings.alerts, self._chats)
        plan = _plan(settings, channels)
        self._alert_driver = AlertDriver(
            plan.policy, plan.routes, addresses=plan.addresses, link=plan.link, clock=clock,
            connected_at=lambda: session.connected_at, expiring=expiring, name=name,
        )  # fmt: skip
        self._notifier = Notifier(channels, StoredDeliveryLog(worker, self._alert_driver, clock=clock), clock=clock)
        self.watch = AlertLoop(worker, self._alert_driver, self._notifier, outage=outage, clock=clock)
        self._blackout = Blackout(plan.policy, plan.routes)
        emergency = Emergency(
            outage, self._blackout, worker=worker, alert_driver=self._alert_driver, notifier=self._notifier, clock=clock
        )
        self._well_being = WellBeing(self._facts)
        self._heartbeat = Replaceable(self._new_heartbeat(settings).run)
        self._telegram = Replaceable(self._new_listener(settings))
        self._warming = Replaceable(partial(_warm_up, channels))
        self._beside: dict[str, Run] = {
            "telegram": self._telegram.run,
            "notifier": self._notifier.run,
            "heartbeat": self._heartbeat.run,
            "emergency": emergency.run,
            "channels": self._warming.run,
        }

    @property
    def channels(self) -> dict[str, str]:
        """Those in use, each with the hash of its address."""
        return {each.key: each.address for each in self._notifier.channels}

    def asked(self) -> Sequence[str]:
        """Plugs that should say now what they draw."""
        return self._alert_driver.asked()

    def tasks(self) -> Mapping[str, Run]:
        """What runs beside the watch, by name; no defect ends any of it."""
        return {name: partial(unending, name, run, clock=self._clock) for name, run in self._beside.items()}

    async def use(self, settings: ServerSettings) -> None:
        """From now on these, of which only what `with_live` takes may differ. Raises `SettingsError`, and then nothing
        changed."""
        channels = channels_of(settings.alerts, self._chats)
        plan = _plan(settings, channels)
        # Those of before and of now, until nobody can hand over a message to one that is not there.
        new = {each.key for each in channels}
        self._notifier.replace_channels([*channels, *(each for each in self._notifier.channels if each.key not in new)])
        await self._worker.do(
            lambda _store: self._alert_driver.use(plan.policy, plan.routes, addresses=plan.addresses, link=plan.link)
        )
        self._notifier.replace_channels(channels)
        self._blackout.policy, self._blackout.routes = plan.policy, plan.routes
        before, self._settings = self._settings.alerts, settings
        if settings.alerts.heartbeat != before.heartbeat:
            self._heartbeat.replace(self._new_heartbeat(settings).run)
        if settings.alerts.telegram != before.telegram:
            self._telegram.replace(self._new_listener(settings))
        self._warming.replace(partial(_warm_up, channels))
        for follow in self.followers:
            follow(settings)

    def _facts(self) -> HeartbeatFacts:
        at = self._alert_driver.stepped_at
        steps = at is not None and self._clock.now() - at < _WELL_FOR and self._outage.since is None
        return HeartbeatFacts(
            leads=self._alert_driver.speaks, connected=self._session.connected_at is not None, steps=steps
        )

    def _new_heartbeat(self, settings: ServerSettings) -> Heartbeat:
        return Heartbeat(settings.alerts.heartbeat, self._well_being, clock=self._clock)

    def _new_listener(self, settings: ServerSettings) -> Run:
        bot = settings.alerts.telegram
        if not bot.token:
            return _nothing
        commands = ChatCommands(Policy(settings.alerts, settings.web.timezone), clock=self._clock)
        leadership = self._alert_driver
        return TelegramListener(
            bot_of(bot),
            bot.chats,
            self._worker,
            leadership=leadership,
            commands=commands,
            chats=self._chats,
            clock=self._clock,
        ).run


@dataclass(frozen=True, slots=True)
class _Plan:
    """What deciding needs of the settings."""

    policy: Policy
    routes: Sequence[Route]
    addresses: dict[str, str]
    link: str


def _plan(settings: ServerSettings, channels: Sequence[Channel]) -> _Plan:
    return _Plan(
        Policy(settings.alerts, settings.web.timezone),
        [each.route for each in channels],
        {each.key: each.address for each in channels},
        link_of(settings),
    )


def link_of(settings: ServerSettings) -> str:
    """Where people open the dashboard."""
    return settings.alerts.link or web_url(settings.web)


async def _nothing() -> None:
    """There is no bot to listen to."""


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
