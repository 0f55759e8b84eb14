"""The Telegram bot, set up in the page: the token, then one click on a chat that has written to the bot.

Until a chat is taken nothing is stored: the token goes from page to page sealed, and no page shows it.
"""

from functools import partial
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from rigwatch.errors import NotDone
from rigwatch.layers import is_settable
from rigwatch.seen_chats import TITLE_MAX
from rigwatch.settings.addresses import check_chat, check_token
from rigwatch.settings.channels import chat_key
from rigwatch.settings.toml_lines import KeyPath
from store import acts, chats
from web.access.login import admin_only
from web.admin.channels import SEVERITIES, conditions_of
from web.admin.context import AdminContext, Wrong, attempt, done, text
from web.admin.telegram import OfferedChat, bot_name, chats_of
from web.language.texts import N_
from web.language.texts import gettext as _

_PENDING: Final[KeyPath] = ("page", "telegram", "token")
"""What a token is sealed for on its way: not for the setting, so that no row can be made of it."""
_BOT: Final[KeyPath] = ("alerts", "telegram")
_TOKEN_MAX: Final = 200


class BotAdmin:
    """The pages about the bot and its chats."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._test = admin.background.channels

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/channels/telegram", "telegram", self.page)
        for name, do in {"look": self.look, "take": self.take, "edit": self.edit}.items():
            view = partial(attempt, do, self._page)
            blueprint.add_url_rule(f"/channels/telegram/{name}", f"telegram_{name}", view, methods=["POST"])

    @admin_only
    def page(self) -> str:
        """Of a bot that is set up: what it has, and who wrote to it meanwhile. Else the first step."""
        return self._page()

    def look(self) -> Response:
        """The second step: who has written to this bot."""
        token = self._token()
        api = self._admin.layered().settings.alerts.telegram.api
        name = bot_name(api, token)
        offered = chats_of(api, token)
        return Response(self._page(bot=name, offered=offered, sealed=self._sealed(token)))

    def take(self) -> Response:
        """The third: the chat is a channel, and gets a test message where that is wanted."""
        chat = _number(text("chat", label=_("Chat"), most=20))
        title = text("title", label=_("Name"), most=TITLE_MAX, least=0)
        token = self._token() if request.form.get("sealed") else ""
        if not token and not self._admin.layered().settings.alerts.telegram.token:
            raise Wrong(_("Token: is missing; begin with it"))
        self._admin.act(acts.channels.add_chat, chat, title=title, token=token, layers=self._admin.layers)
        if request.form.get("then") != "test":
            return done(url_for("admin.channels"), "saved")
        key = chat_key(chat)
        try:
            self._admin.act(acts.channels.test, partial(self._test.begin, key), channel=key)
        except NotDone:
            # Another test is running; this one can be asked for in the list.
            return done(url_for("admin.channels"), "saved")
        return done(url_for("admin.channels"), "testing")

    def edit(self) -> Response:
        """What all chats of the bot get, and a new token; an empty one keeps the old."""
        token = text("token", label=_("Token"), most=_TOKEN_MAX, least=0)
        conditions = conditions_of(request.form.getlist("severity"), request.form.get("sites", ""))
        values: dict[str, Any] = {key: value or None for key, value in conditions.items()}
        if token:
            _check(token)
            bot_name(self._admin.layered().settings.alerts.telegram.api, token)
            values["token"] = token
        self._admin.act(acts.channels.edit_bot, values=values, layers=self._admin.layers)
        return done(url_for("admin.channels"), "saved")

    def _page(
        self, problem: str = "", *, bot: str = "", offered: list[OfferedChat] | None = None, sealed: str = ""
    ) -> str:
        layered = self._admin.layered()
        settings = layered.settings.alerts.telegram
        if offered is None and settings.token:
            # The subscriber listens to it, and would lose what the page asks for: it notes who is not listed.
            with self._admin.store.read() as tx:
                offered = [OfferedChat(each.chat, each.title) for each in chats.seen(tx)]
        fixed = [(path[-1], origin.where) for path, origin in layered.fixed(_BOT) if is_settable(path)]
        return render_template(
            "admin_telegram.html",
            problem=problem,
            done="",
            is_set=bool(settings.token),
            bot=bot,
            offered=[each for each in offered or () if each.chat not in settings.chats],
            looked=offered is not None,
            sealed=sealed,
            severities=SEVERITIES,
            settings=settings,
            fixed=fixed,
            title_max=TITLE_MAX,
        )

    def _token(self) -> str:
        """As it was typed, or sealed by a page before; raises `RigwatchError`."""
        sealed, seal = request.form.get("sealed", ""), self._admin.layers.seal
        if not sealed:
            return _check(text("token", label=_("Token"), most=_TOKEN_MAX))
        if seal is None:
            raise Wrong(_(_NO_KEY))
        try:
            return _check(seal.open(_PENDING, sealed))
        except ValueError:
            raise Wrong(_("Token: is not known any more; enter it again")) from None

    def _sealed(self, token: str) -> str:
        if self._admin.layers.seal is None:
            raise Wrong(_(_NO_KEY))
        return self._admin.layers.seal.seal(_PENDING, token)


_NO_KEY: Final = N_("This machine has no master key (secret.key), without which no token can be kept.")


def _check(token: str) -> str:
    try:
        check_token(token, "Token")
    except ValueError:
        raise Wrong(_("Token: should look like 123456:ABC-def, whole and without spaces")) from None
    return token


def _number(chat: str) -> int:
    try:
        number = int(chat) if chat.isascii() else 0
        check_chat(number)
    except ValueError:
        raise Wrong(_("Chat: should be a number, such as 123456, or -1001234567890 of a group")) from None
    return number
