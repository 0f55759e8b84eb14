"""Listens to a Telegram bot: buttons and questions of the listed chats, nobody else's."""

import logging
from typing import Any, Protocol

from rigwatch.clock import Clock
from rigwatch.errors import RigwatchError
from subscriber.alerts.incident import Acknowledged
from subscriber.alerts.mute import MuteKind
from subscriber.alerts.policy import Policy
from subscriber.alerts.wish import Breadth, Wish, around, mute_of
from subscriber.notify.answers import Known, answer
from subscriber.notify.channel import NotSent
from subscriber.notify.telegram import POLL_S, Bot
from subscriber.notify.thread import in_thread
from subscriber.store import Store, alerts, reader, silences
from subscriber.store.work import Work
from subscriber.worker import Worker

log = logging.getLogger(__name__)

MUTE_FOR = "2h"
_PAUSE_S = 1.0
_PAUSE_MAX_S = 60.0
_CALL_S = 10.0


class Turn(Protocol):
    """Whether it is this subscriber that drives the alerts: a bot may be asked for news by one at a time."""

    @property
    def drives(self) -> bool: ...


class Listener:
    """Long polling: the answer comes in the moment somebody writes, and no port is open."""

    def __init__(
        self, bot: Bot, chats: tuple[int, ...], worker: Worker, *, turn: Turn, policy: Policy, clock: Clock
    ) -> None:
        self._bot = bot
        self._chats = frozenset(chats)
        self._worker = worker
        self._turn = turn
        self._policy = policy
        self._clock = clock
        self._offset = 0
        self._failure = ""

    async def run(self) -> None:
        """Until it is cancelled."""
        pause = _PAUSE_S
        while True:
            if not self._turn.drives:
                await self._clock.sleep(_PAUSE_S)
                continue
            try:
                for update in await self._updates():
                    await self._take(update)
                pause, self._failure = _PAUSE_S, ""
            except (NotSent, TimeoutError) as exc:
                why = str(exc) or "no answer in time"
                if why != self._failure:
                    log.warning("the Telegram bot cannot be asked for news: %s", why)
                self._failure = why
                await self._clock.sleep(pause)
                pause = min(pause * 2, _PAUSE_MAX_S)
            except Exception:
                # A defect here must not end the subscriber: reports and alerts matter more than answers.
                log.exception("the Telegram bot is not listened to for a while")
                await self._clock.sleep(_PAUSE_MAX_S)

    async def _updates(self) -> list[dict[str, Any]]:
        return list(await self._call("getUpdates", POLL_S + _CALL_S, offset=self._offset, timeout=POLL_S))

    async def _take(self, update: dict[str, Any]) -> None:
        self._offset = max(self._offset, int(update.get("update_id", 0)) + 1)
        try:
            if "callback_query" in update:
                await self._pressed(update["callback_query"])
            elif "message" in update:
                await self._asked(update["message"])
        except RigwatchError as exc:
            log.warning("a wish from Telegram was not fulfilled: %s", exc)
        except (KeyError, TypeError, ValueError) as exc:
            # Not what the Bot API promises; the next update is taken all the same.
            log.warning("an update from Telegram was not understood error=%r", type(exc).__name__)

    async def _asked(self, message: dict[str, Any]) -> None:
        chat = message["chat"]["id"]
        text = str(message.get("text", ""))
        if chat not in self._chats:
            log.warning("a Telegram chat that is not listed asked chat=%s", chat)
            return
        if text.startswith("/"):
            known = await self._worker.do(self._known)
            await self._call("sendMessage", _CALL_S, chat_id=chat, text=answer(text, known))

    async def _pressed(self, query: dict[str, Any]) -> None:
        chat = query["message"]["chat"]["id"]
        if chat not in self._chats:
            log.warning("a Telegram chat that is not listed pressed a button chat=%s", chat)
            return
        who = query["from"].get("username") or query["from"].get("first_name") or "somebody"
        verb, _, number = str(query.get("data", "")).partition(" ")
        do = {"ack": self._acknowledge, "mute": self._mute}[verb]
        said = await self._worker.do(lambda store: do(store, int(number), f"{who} (Telegram)"))
        await self._call("answerCallbackQuery", _CALL_S, callback_query_id=query["id"], text=said)

    def _acknowledge(self, store: Store, number: int, who: str) -> str:
        ack = Acknowledged(self._clock.now(), who)
        return "acknowledged" if store.change(lambda work: alerts.acknowledge(work, [number], ack)) else "over already"

    def _mute(self, store: Store, number: int, who: str) -> str:
        now = self._clock.now()

        def change(work: Work) -> str:
            incident = alerts.one(work, number)
            if incident is None:
                return "no such incident"
            about = around(incident, Breadth.RULE, "")
            wish = Wish(MuteKind.SILENCE, about, MUTE_FOR, who, "muted for 2 h")
            silences.add(work, mute_of(wish, now, self._policy.zone))
            return "muted for 2 h"

        return store.change(change)

    def _known(self, store: Store) -> Known:
        now = self._clock.now()
        return store.look(
            lambda work: Known(
                reader.nodes(work), reader.server(work), alerts.live(work), silences.running(work, now),
                self._policy.zone, now,
            )
        )  # fmt: skip

    async def _call(self, method: str, limit: float, **arguments: object) -> Any:  # noqa: ANN401 - the API's answer
        answered: list[Any] = []
        await in_thread(
            lambda: answered.append(self._bot.call(method, limit, **arguments)), timeout=limit + 2, name="telegram"
        )
        return answered[0]
