"""Carries stored messages to their channels, each of which has its own round; channels may come and go meanwhile."""

import asyncio
import logging
from collections.abc import Iterable

from rigwatch.clock import Clock
from store.outbox import StoredNotification
from subscriber.notify.channel import Channel
from subscriber.notify.channel_delivery import ChannelDelivery, DeliveryLog, keep_trying

log = logging.getLogger(__name__)

_RESTART_S = 5.0
_GONE = "the channel is paused or no longer in the settings"


class Notifier:
    """Messages handed over are in the store already; nothing here can lose one."""

    def __init__(self, channels: Iterable[Channel], delivery_log: DeliveryLog, *, clock: Clock) -> None:
        self._delivery_log = delivery_log
        self._clock = clock
        self._gone: list[StoredNotification] = []
        self._rounds: dict[str, ChannelDelivery] = {}
        self._former: dict[str, str] = {}
        self._tasks: asyncio.TaskGroup | None = None
        self.replace_channels(channels)

    @property
    def channels(self) -> list[Channel]:
        """Those in use now."""
        return [each.channel for each in self._rounds.values()]

    def hand_over(self, notifications: Iterable[StoredNotification]) -> None:
        """Called on the loop; never blocks."""
        for each in notifications:
            found = self._rounds.get(each.channel) or self._rounds.get(self._former.get(each.channel, ""))
            if found is not None:
                found.add(each)
            else:
                self._gone.append(each)

    def let_go(self) -> None:
        """Another subscriber's turn has begun, or ours anew: what waits here will be handed over again to whoever it
        is. Called on the loop; never blocks."""
        for each in self._rounds.values():
            each.let_go()

    def replace_channels(self, channels: Iterable[Channel]) -> None:
        """From now on these are used. Called on the loop; never blocks. One that stays goes on with what it has, also
        when its settings changed; what waits for one that is gone is marked as given up."""
        wanted = {each.key: each for each in channels}
        self._former = {each.former: key for key, each in wanted.items() if each.former}
        for key in self._rounds.keys() - wanted.keys():
            self._rounds.pop(key).close()
        for key, channel in wanted.items():
            if key not in self._rounds:
                self._open(channel)
            elif self._rounds[key].channel != channel:
                self._rounds[key].use(channel)

    async def run(self) -> None:
        """Carries until it is cancelled."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            for each in self._rounds.values():
                self._begin(each)
            await self._give_back()

    def _open(self, channel: Channel) -> None:
        opened = ChannelDelivery(channel, self._delivery_log, clock=self._clock, give_back=self._gone.extend)
        self._rounds[channel.key] = opened
        self._begin(opened)

    def _begin(self, opened: ChannelDelivery) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._keep_running(opened), name=f"channel {opened.channel.key}")

    async def _keep_running(self, opened: ChannelDelivery) -> None:
        while True:
            try:
                return await opened.run()
            except Exception:
                # A defect in one channel's round ends neither the others nor the subscriber; it begins anew.
                log.exception("a channel begins anew channel=%s", opened.channel.key)
                await self._clock.sleep(_RESTART_S)

    async def _give_back(self) -> None:
        """Messages of a channel that is no longer in use."""
        while True:
            if self._gone:
                gone, self._gone[:] = list(self._gone), []
                await keep_trying(lambda: self._delivery_log.failed(gone, _GONE))  # noqa: B023 - awaited before the next round
            await self._clock.sleep(1)
