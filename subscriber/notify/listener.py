"""Listens to a Telegram bot: buttons and questions of the listed chats, nobody else's."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable

from rigwatch.backoff import Backoff
from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from rigwatch.seen_chats import chat_of
from rigwatch.thread import in_thread
from store import chats as stored
from subscriber.notify.answers import answer
from subscriber.notify.channel import NotSent
from subscriber.notify.chat_commands import ChatCommands, Leadership
from subscriber.notify.chats import Chats
from subscriber.notify.fit import cut_lines, utf16
from subscriber.notify.telegram import POLL_S, TEXT_MAX, Bot
from subscriber.notify.updates import Asked, Pressed, Renumbered, Update, number_of, update_of
from subscriber.worker import StoreWorker

log = logging.getLogger(__name__)

_PAUSE_S = 1.0
_LEAST_S = 0.2
_PAUSE_MAX_S = 60.0
_CALL_S = 10.0
_UPDATES_MAX = 100
"""As many as Telegram brings at once."""
_STRANGERS_MAX = 100
_SAID_MAX = 200


class TelegramListener:
    """Long polling: the answer comes in the moment somebody writes, and no port is open."""

    def __init__(
        self,
        bot: Bot,
        listed: Iterable[int],
        worker: StoreWorker,
        *,
        leadership: Leadership,
        commands: ChatCommands,
        chats: Chats,
        clock: Clock,
    ) -> None:
        self._bot = bot
        self._listed = frozenset(listed)
        self._worker = worker
        self._leadership = leadership
        self._commands = commands
        self._chats = chats
        self._clock = clock
        self._offset = 0
        self._failure = ""
        self._drove = False
        self._strangers: set[int] = set()
        self._unsaved: dict[int, str] = {}
        # What stands between Telegram and us may bring the same again.
        self._taken: deque[int] = deque(maxlen=2 * _UPDATES_MAX)

    async def run(self) -> None:
        """Until it is cancelled."""
        pause = Backoff(first=_PAUSE_S, most=_PAUSE_MAX_S, least=_PAUSE_S)
        while True:
            wait = _PAUSE_S
            try:
                if self._leadership.drives:
                    # One that answers at once with nothing would be asked without end.
                    wait = 0.0 if await self._listen() else _LEAST_S
                    pause.reset()
                    self._failure = ""
                self._drove = self._leadership.drives
            except (RigwatchError, TimeoutError) as exc:
                self._tell(str(exc) or "no answer in time")
                wait = max(pause.delay(), getattr(exc, "retry_after", 0.0))
            except Exception as exc:
                # A defect here must not end the subscriber: reports and alerts matter more than answers.
                if self._failure != type(exc).__name__:
                    log.exception("the Telegram bot is not listened to for a while")
                self._failure, wait = type(exc).__name__, _PAUSE_MAX_S
            await self._clock.sleep(wait)

    def _tell(self, why: str) -> None:
        if why != self._failure:
            log.warning("the Telegram bot cannot be asked for news: %s", why)
        self._failure = why

    async def _listen(self) -> bool:
        """Whether it brought anything new."""
        if not self._drove:
            self._chats.know(await self._worker.read(stored.moved))
        await self._remember()
        brought = await self._call("getUpdates", POLL_S + _CALL_S, offset=self._offset, timeout=POLL_S)
        if not isinstance(brought, list):
            raise NotSent("Telegram: what it brings is no list of updates")
        new = [raw for raw in brought[:_UPDATES_MAX] if number_of(raw) not in (None, *self._taken)]
        for raw in new:
            await self._take(raw)
        await self._remember()
        return bool(new)

    async def _remember(self) -> None:
        """Groups that have moved, whoever noticed it; and who wrote without being listed."""
        moves, seen, now = dict(self._chats.unsaved), dict(self._unsaved), self._clock.now()
        if seen:
            await self._worker.write(lambda tx: stored.see(tx, seen, now))
            self._unsaved.clear()
        if moves:
            await self._worker.write(lambda tx: stored.remember(tx, moves, now))
            for chat, to in moves.items():
                log.warning("a Telegram group became a supergroup, it is followed chat=%s now=%s", chat, to)
                self._chats.unsaved.pop(chat, None)

    async def _take(self, raw: object) -> None:
        number, update, seen = number_of(raw), update_of(raw), chat_of(raw)
        if number is None:
            return
        # Not the highest so far: after a week without news Telegram begins anew at any number.
        self._offset = number + 1
        self._taken.append(number)
        listed = self._chats.all(self._listed)
        if seen is not None and seen[0] not in listed:
            self._note_stranger(*seen)
        # A button says of itself which chat it is in.
        if update is None or update.chat not in listed:
            return
        try:
            await self._fulfil(update)
        except (RigwatchError, TimeoutError) as exc:
            log.warning("what a chat asked for was not done, or not answered: %s", str(exc) or "no answer in time")

    async def _fulfil(self, update: Update) -> None:
        match update:
            case Renumbered():
                self._chats.move(update.chat, update.to)
            case Asked() if update.text.startswith("/"):
                known = await self._worker.do(self._commands.known)
                text = cut_lines(answer(update.text, known), TEXT_MAX, utf16)
                await self._call("sendMessage", _CALL_S, chat_id=update.chat, text=text)
            case Pressed():
                said = await self._worker.do(lambda store: self._commands.pressed(store, update))
                await self._call("answerCallbackQuery", _CALL_S, callback_query_id=update.query, text=said[:_SAID_MAX])

    def _note_stranger(self, chat: int, title: str) -> None:
        """For the page, where somebody may list it. In the log once each, and not of everybody: whoever finds the bot
        could fill it."""
        self._unsaved[chat] = title
        if chat in self._strangers or len(self._strangers) >= _STRANGERS_MAX:
            return
        self._strangers.add(chat)
        more = "; further ones are not told of" if len(self._strangers) == _STRANGERS_MAX else ""
        log.warning("a Telegram chat that is not listed gets no answer chat=%s%s", chat, more)

    async def _call(self, method: str, limit: float, **arguments: object) -> object:
        async with asyncio.timeout(limit + 2):
            return await in_thread(lambda: self._bot.call(method, limit, **arguments), name="telegram")
