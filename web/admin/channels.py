"""Administration of the alerts' channels: each by its name with its last result; tested, edited, paused, removed."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, render_template, request, url_for
from werkzeug.exceptions import NotFound

from rigwatch.clock import Millis
from rigwatch.errors import NotDone
from rigwatch.layers import LayeredSettings
from rigwatch.settings.addresses import NAME_MAX
from rigwatch.settings.alerts import AlertSettings
from rigwatch.settings.channels import chat_key, doubled, named, scheme_of
from rigwatch.settings.toml_lines import KeyPath
from store import acts, outbox
from store.outbox import DeliveryState, LastDelivery
from store.transaction import Transaction
from web import units
from web.access.login import admin_only
from web.admin.channel_forms import KINDS, ChannelKind, kind_label, kind_of
from web.admin.context import AdminContext, Wrong, ask_back, attempt, done, done_text, sure, text
from web.language.texts import N_
from web.language.texts import gettext as _

SEVERITIES: Final = ("critical", "warning", "info")
_FIELD_MAX: Final = 2000
_BOT: Final = ("alerts", "telegram")


class ChannelLine(NamedTuple):
    """A channel in the list. `look` is the class of the pill with `state`; `result` is what came of its last message.
    `fixed` says where it stands, if that is not in the page."""

    key: str
    label: str
    kind: str
    gets: str
    state: str
    look: str
    result: str
    paused: bool
    fixed: str
    edit: str


class ChannelsAdmin:
    """The pages about channels with an address, and the list of all."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._test = admin.background.channels

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/channels", "channels", self.channels)
        blueprint.add_url_rule("/channels/add/<kind>", "channel_add", self.add_form)
        blueprint.add_url_rule("/channels/add/<kind>", "channel_added", self.add, methods=["POST"])
        blueprint.add_url_rule("/channels/edit", "channel_edit", self.edit_form)
        blueprint.add_url_rule("/channels/edit", "channel_edited", self.edit, methods=["POST"])
        for name, do in {"test": self.test, "pause": self.pause, "resume": self.resume, "remove": self.remove}.items():
            view = partial(attempt, do, self._list)
            blueprint.add_url_rule(f"/channels/{name}", f"channels_{name}", view, methods=["POST"])

    # the list

    @admin_only
    def channels(self) -> str:
        return self._list()

    def _list(self, problem: str = "") -> str:
        layered, now = self._admin.layered(), self._admin.now()
        with self._admin.store.read() as tx:
            lines = [self._line(tx, layered, key, now) for key in _keys(layered.settings.alerts)]
        labels = {each.key: each.label for each in lines}
        return render_template(
            "admin_channels.html",
            problem=problem,
            done=done_text(),
            lines=lines,
            telegram=kind_label("telegram"),
            kinds=KINDS.values(),
            doubled=[[labels[key] for key in keys] for keys in doubled(layered.settings.alerts)],
            left_out=layered.problems,
            test=self._test.latest(),
            labels=labels,
            zone=self._admin.zone,
        )

    def _line(self, tx: Transaction, layered: LayeredSettings, key: str, now: Millis) -> ChannelLine:
        alerts = layered.settings.alerts
        chat, of = _chat(alerts, key), named(alerts).get(key)
        severities, sites = (of.severities, of.sites) if of else (alerts.telegram.severities, alerts.telegram.sites)
        paused = of.paused if of else chat in alerts.telegram.paused
        table: KeyPath = ("alerts", "channel", key) if of else (*_BOT, "chats")
        state, look, result = self._result(tx, key, now)
        if key not in alerts.channel and of:
            fixed = layered.origin(("alerts", "channels")).where
        else:
            fixed = next((origin.where for __, origin in layered.fixed(table)), "")
        return ChannelLine(
            key,
            (alerts.telegram.names.get(str(chat)) or _("chat %(number)s", number=chat)) if chat is not None else key,
            kind_label(scheme_of(of.url) if of else "telegram"),
            _gets(severities, sites),
            *((N_("paused"), "offline") if paused else (state, look)),
            result,
            paused,
            fixed,
            url_for("admin.telegram") if chat is not None else url_for("admin.channel_edit", channel=key),
        )

    def _result(self, tx: Transaction, key: str, now: Millis) -> tuple[str, str, str]:
        """A word, its look, and what came of the latest message or test, whichever is later."""
        refused = outbox.refused(tx).get(key, ("", ""))[1]
        last, tested = outbox.last(tx, key), self._test.result(key)
        if refused:
            return N_("refused"), "lost", _("It refused what was sent: %(why)s", why=refused)
        if tested and (last is None or tested[1] > last.at):
            result, at = tested
            if result.ok:
                return N_("works"), "online", _("Test %(age)s ago: it took the message", age=units.age(now - at))
            return N_("failed"), "lost", _("Test %(age)s ago: %(why)s", age=units.age(now - at), why=result.why)
        return _delivered(last, now) if last else (N_("unused"), "pending", _("Nothing was sent through it yet"))

    # changes

    @admin_only
    def add_form(self, kind: str) -> str:
        return self._form(_kind(kind), "")

    def add(self, kind: str) -> Response:
        return attempt(lambda: self._add(_kind(kind)), lambda problem: self._form(_kind(kind), problem))

    def _add(self, kind: ChannelKind) -> Response:
        name = text("name", label=_("Name"), most=NAME_MAX)
        values = {"url": kind.address(_fields(kind)), **_conditions()}
        self._admin.act(acts.channels.add, name, values=values, layers=self._admin.layers)
        return self._saved(name)

    @admin_only
    def edit_form(self) -> str:
        return self._edit_form("")

    def edit(self) -> Response:
        return attempt(self._edit, self._edit_form)

    def _edit(self) -> Response:
        name = request.form.get("channel", "")
        kind = self._kind_of(name)
        values: dict[str, Any] = {key: value or None for key, value in _conditions().items()}
        if any(request.form.get(field.name, "").strip() not in ("", field.given) for field in kind.fields):
            values["url"] = kind.address(_fields(kind))
        self._admin.act(acts.channels.edit, name, values=values, layers=self._admin.layers)
        return self._saved(name)

    def _saved(self, name: str) -> Response:
        if request.form.get("then") != "test":
            return done(url_for("admin.channels"), "saved")
        try:
            self._admin.act(acts.channels.test, partial(self._test.begin, name), channel=name)
        except NotDone:
            # Another test is running; this one can be asked for in the list.
            return done(url_for("admin.channels"), "saved")
        return done(url_for("admin.channels"), "testing")

    def test(self) -> Response:
        name = request.form.get("channel", "")
        if name and name not in _keys(self._admin.layered().settings.alerts):
            raise NotDone(_("channel %(name)s: there is none of this name", name=name))
        self._admin.act(acts.channels.test, partial(self._test.begin, name), channel=name)
        return done(url_for("admin.channels"), "testing")

    def pause(self) -> Response:
        self._admin.act(acts.channels.pause, request.form.get("channel", ""), layers=self._admin.layers)
        return done(url_for("admin.channels"), "paused")

    def resume(self) -> Response:
        self._admin.act(acts.channels.resume, request.form.get("channel", ""), layers=self._admin.layers)
        return done(url_for("admin.channels"), "resumed")

    def remove(self) -> Response:
        name = request.form.get("channel", "")
        if not sure():
            return ask_back(
                _("Remove the channel %(name)s?", name=name),
                button=_("Remove"),
                explained=_(
                    "Its address is forgotten, and messages that wait for it are given up. "
                    "To stop it only for a while, pause it."
                ),
                back=url_for("admin.channels"),
            )
        self._admin.act(acts.channels.remove, name, layers=self._admin.layers)
        return done(url_for("admin.channels"), "removed")

    # forms

    def _form(self, kind: ChannelKind, problem: str) -> str:
        return self._shown(kind, problem, name="", given={field.name: field.given for field in kind.fields})

    def _edit_form(self, problem: str) -> str:
        name = request.values.get("channel", "")
        kind = self._kind_of(name)
        of = self._admin.layered().settings.alerts.channel[name]
        given: dict[str, Any] = {field.name: field.given for field in kind.fields}
        given |= {"severities": of.severities, "sites": ", ".join(of.sites)}
        return self._shown(kind, problem, name=name, given=given)

    def _shown(self, kind: ChannelKind, problem: str, *, name: str, given: Mapping[str, Any]) -> str:
        """What was typed stands there again, but no secret."""
        if problem:
            given = {field.name: request.form.get(field.name, "") for field in kind.fields if not field.secret} | {
                "name": request.form.get("name", ""),
                "severities": request.form.getlist("severity"),
                "sites": request.form.get("sites", ""),
            }
        return render_template(
            "admin_channel.html",
            problem=problem,
            done="",
            kind=kind,
            name=name,
            given=given,
            severities=SEVERITIES,
            name_max=NAME_MAX,
        )

    def _kind_of(self, name: str) -> ChannelKind:
        """Of a channel that has a table of its own; raises `NotFound`."""
        found = self._admin.layered().settings.alerts.channel.get(name)
        if found is None:
            raise NotFound(_("There is no channel of this name that the page could edit."))
        return kind_of(scheme_of(found.url))


def conditions_of(severities: Sequence[str], sites: str) -> dict[str, list[str]]:
    """What a channel gets, as TOML has it; all of them is none. Raises `Wrong`."""
    if unknown := set(severities) - set(SEVERITIES):
        raise Wrong(_("Severities: %(name)s is none", name=min(unknown)))
    chosen = [each for each in SEVERITIES if each in severities]
    return {
        "severities": [] if len(chosen) == len(SEVERITIES) else chosen,
        "sites": [each for each in sites.replace(",", " ").split() if each],
    }


def _conditions() -> dict[str, list[str]]:
    return conditions_of(request.form.getlist("severity"), request.form.get("sites", "")[:_FIELD_MAX])


def _fields(kind: ChannelKind) -> dict[str, str]:
    """What was typed into the form; raises `Wrong`."""
    return {
        field.name: text(field.name, label=_(field.label), most=_FIELD_MAX, least=int(field.required))
        for field in kind.fields
    }


def _kind(name: str) -> ChannelKind:
    if name not in KINDS:
        raise NotFound(_("There is no such kind of channel."))
    return KINDS[name]


def _keys(alerts: AlertSettings) -> list[str]:
    """Of all channels, paused ones included; the bot's chats first."""
    bot = alerts.telegram
    return [*(chat_key(chat) for chat in dict.fromkeys(bot.chats if bot.token else ())), *named(alerts)]


def _chat(alerts: AlertSettings, key: str) -> int | None:
    return next((chat for chat in alerts.telegram.chats if chat_key(chat) == key), None)


def _gets(severities: Sequence[str], sites: Sequence[str]) -> str:
    what = ", ".join(_(each) for each in SEVERITIES if each in severities) or _("everything")
    return _("%(what)s of %(sites)s", what=what, sites=", ".join(sites)) if sites else what


def _delivered(last: LastDelivery, now: Millis) -> tuple[str, str, str]:
    age = units.age(now - last.at)
    if last.state is DeliveryState.SENT:
        return N_("works"), "online", _("Sent %(age)s ago: %(title)s", age=age, title=last.title)
    if last.state is DeliveryState.FAILED:
        return N_("failed"), "lost", _("Given up %(age)s ago: %(why)s", age=age, why=last.error)
    why = last.error or last.title
    return N_("waiting"), "degraded", _("Not sent yet, tried %(age)s ago: %(why)s", age=age, why=why)
