"""Administration of the rules: what counts for all, a site or a node, where it is from, and what a change would do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from werkzeug.exceptions import NotFound

from alerts.policy import Policy
from alerts.rule import OF_THE_SERVER, UNITS, Rule, RulePolicy
from alerts.words import duration
from rigwatch.errors import TopicError
from rigwatch.layers import LayeredSettings, SettingOrigin
from rigwatch.settings.durations import format_duration
from rigwatch.settings.rule_values import rule_path, rule_value
from rigwatch.topics import NodeId, check_name
from store import acts, page_settings, reader
from web.access.login import admin_only
from web.admin.context import AdminContext, Wrong, attempt, done, done_text
from web.admin.rule_trials import RuleTrial
from web.errors import BadQuery
from web.incidents.titles import TITLES
from web.language.texts import N_
from web.language.texts import gettext as _

_TEXT_MAX: Final = 100
_ON_OFF: Final = (("on", N_("on")), ("off", N_("off")))
_SEVERITIES: Final = (("critical", N_("critical")), ("warning", N_("warning")), ("info", N_("info")))
_LABELS: Final[Mapping[str, str]] = {
    "enabled": N_("Looked at"),
    "threshold": N_("Threshold"),
    "clear": N_("Over again at"),
    "hold": N_("Hold"),
    "clear_hold": N_("Over for"),
    "severity": N_("Severity"),
    "schedule": N_("Told after"),
    "recovery": N_("Its end is told"),
    "often": N_("Told when it comes and goes so often"),
}
_HINTS: Final[Mapping[str, str]] = {
    "threshold": N_("Where it begins to hold."),
    "clear": N_("Where it ends. Empty: at the threshold, where that is set here."),
    "hold": N_("For how long it must hold before anybody is told: 30s, 5m, 1h."),
    "clear_hold": N_("For how long it must be over before that counts."),
    "schedule": N_("Counted from when it fired: 0s, 5m, 1h."),
    "often": N_("Without reaching its hold; 0: as often as it likes."),
}


class RulePlace(NamedTuple):
    """For whom a rule's settings are: for all, where both are empty, a site, or a node of it."""

    site: str = ""
    node: str = ""

    @property
    def query(self) -> dict[str, Any]:
        return {name: value for name, value in self._asdict().items() if value}

    @property
    def name(self) -> str:
        return f"{self.site}/{self.node}" if self.node else self.site

    def path(self, rule: Rule, key: str) -> tuple[str, ...]:
        return rule_path(rule.value, key, site="" if self.node else self.site, node=self.name if self.node else "")

    def wider(self) -> "list[RulePlace]":
        """This and those that count where it says nothing, nearest first."""
        return [self, *([RulePlace(self.site)] if self.node else []), *([RulePlace()] if self.site else [])]


class RuleLine(NamedTuple):
    """A rule in the table: what counts in this place, and where that comes from."""

    rule: str
    title: str
    border: str
    hold: str
    severity: str
    is_off: bool
    source: str
    href: str


class RuleField(NamedTuple):
    """A field of the form. `value` is what is set in the page for just this place, `counts` what counts without it."""

    key: str
    label: str
    hint: str
    value: str
    counts: str
    source: str
    fixed: bool
    unit: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Look:
    """The settings as they are now, in one place."""

    layered: LayeredSettings
    place: RulePlace

    def policy(self, rule: Rule, place: RulePlace) -> RulePolicy:
        settings = self.layered.settings
        policy = Policy(settings.alerts, settings.web.timezone)
        if place.node:
            return policy.of_node(NodeId(place.site, place.node))[rule]
        return policy.of_site(place.site, rule)

    def origin(self, rule: Rule, key: str) -> tuple[SettingOrigin, RulePlace]:
        """Of what counts in this place, and the place that it is set for."""
        for place in self.place.wider():
            origin = self.layered.origins.get(place.path(rule, key))
            if origin is not None:
                return origin, place
        return self.layered.origin(("alerts", rule.value, key)), RulePlace()


class RulesAdmin:
    """The pages about rules."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin
        self._trials = admin.background.rules

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/rules", "rules", self.table)
        blueprint.add_url_rule("/rules/<rule>", "rule", self.form)
        blueprint.add_url_rule("/rules/<rule>/trial/<number>", "rule_trial", self.trial)
        for name, do in {"try": self.begin, "set": self.set}.items():
            view = partial(self._attempt, do)
            blueprint.add_url_rule(f"/rules/<rule>/{name}", f"rule_{name}", view, methods=["POST"])

    def _attempt(self, do: Any, rule: str) -> Response:  # noqa: ANN401 - one of the two below
        return attempt(lambda: do(_rule(rule)), lambda problem: self._form(_rule(rule), problem))

    @admin_only
    def table(self) -> str:
        look = _Look(self._admin.layered(), _place())
        with self._admin.store.read() as tx:
            nodes = [each.id for each in reader.nodes(tx)]
        rules = [each for each in Rule if not look.place.site or each not in OF_THE_SERVER]
        return render_template(
            "admin_rules.html",
            problem="",
            done=done_text(),
            lines=[_line(look, rule) for rule in rules],
            place=look.place,
            sites=sorted({each.site for each in nodes}),
            nodes=nodes,
            left_out=look.layered.problems,
        )

    @admin_only
    def form(self, rule: str) -> str:
        return self._form(_rule(rule), "")

    def begin(self, rule: Rule) -> Response:
        """Shows what the past would have been like; the page says so while that is looked at."""
        place, fields = _place(), self._fields(rule)
        changes = {place.path(rule, key): rule_value(key, text) for key, text in fields.items()}
        if not changes:
            raise Wrong(_("Nothing is different from what is set already."))
        with self._admin.store.read() as tx:
            page_settings.tentative(tx, changes, layers=self._admin.layers)
        number = self._trials.begin(RuleTrial(rule.value, *place, fields))
        return make_response(redirect(url_for("admin.rule_trial", rule=rule.value, number=number), 303))

    @admin_only
    def trial(self, rule: str, number: str) -> str | Response:
        found = self._trials.find(number)
        if found is None or found.rule != rule:
            # Of a process that is gone.
            return make_response(redirect(url_for("admin.rule", rule=_rule(rule).value), 303))
        place = RulePlace(found.site, found.node)
        look = _Look(self._admin.layered(), place)
        return render_template(
            "admin_rule_trial.html",
            problem=found.problem and _(found.problem),
            done="",
            trial=found,
            title=_(TITLES[Rule(rule)]),
            changes=[
                (_(_LABELS[key]), _shown(look, Rule(rule), key), text or _("not set here"))
                for key, text in found.fields.items()
            ],
            place=place,
            zone=self._admin.zone,
            duration=duration,
        )

    def set(self, rule: Rule) -> Response:
        place, fields = _place(), self._fields(rule)
        changes = {place.path(rule, key): rule_value(key, text) for key, text in fields.items()}
        if not changes:
            raise Wrong(_("Nothing is different from what is set already."))
        self._admin.act(acts.settings.change, changes, layers=self._admin.layers)
        return done(url_for("admin.rules", **place.query), "saved")

    def _fields(self, rule: Rule) -> dict[str, str]:
        """What the form says that is not set so already; a field that it lacks stays as it is."""
        look = _Look(self._admin.layered(), _place())
        given = {key: request.form[key].strip()[:_TEXT_MAX] for key in _keys(rule) if key in request.form}
        return {key: text for key, text in given.items() if text != _own(look, rule, key)}

    def _form(self, rule: Rule, problem: str) -> str:
        place = _place()
        look = _Look(self._admin.layered(), place)
        return render_template(
            "admin_rule.html",
            problem=problem,
            done="",
            rule=rule.value,
            title=_(TITLES[rule]),
            place=place,
            fields=[_field(look, rule, key) for key in _keys(rule)],
            typed=request.form if problem else {},
        )


def _line(look: _Look, rule: Rule) -> RuleLine:
    policy, unit = look.policy(rule, look.place), UNITS.get(rule, "")
    sources = {_source(*look.origin(rule, key)): None for key in _keys(rule)}
    sources.pop(_source(SettingOrigin(), RulePlace()), None)
    return RuleLine(
        rule.value,
        _(TITLES[rule]),
        f"{policy.threshold:g} {unit}" if unit else "",
        duration(policy.hold) if policy.hold else _("at once"),
        policy.severity.value,
        not policy.enabled,
        "; ".join(sources) or _("default"),
        url_for("admin.rule", rule=rule.value, **look.place.query),
    )


def _field(look: _Look, rule: Rule, key: str) -> RuleField:
    origin, place = look.origin(rule, key)
    options = {"enabled": _ON_OFF, "recovery": _ON_OFF, "severity": _SEVERITIES}.get(key, ())
    return RuleField(
        key,
        _(_LABELS[key]),
        _(_HINTS[key]) if key in _HINTS else "",
        _own(look, rule, key),
        _shown(look, rule, key),
        _source(origin, place),
        # What is set for a wider place by the file may be otherwise here.
        origin.is_fixed and place == look.place,
        UNITS.get(rule, "") if key in ("threshold", "clear") else "",
        tuple((value, _(label)) for value, label in options),
    )


def _keys(rule: Rule) -> tuple[str, ...]:
    """Those that the rule has a use for."""
    return tuple(key for key in _LABELS if rule in UNITS or key not in ("threshold", "clear"))


def _own(look: _Look, rule: Rule, key: str) -> str:
    """What is set for just this place, as it is typed; empty where nothing is."""
    origin, place = look.origin(rule, key)
    return _shown(look, rule, key) if origin.kind != "default" and place == look.place else ""


def _shown(look: _Look, rule: Rule, key: str) -> str:
    """What counts, as people would type it."""
    value = getattr(look.policy(rule, look.place), key)
    if isinstance(value, bool):
        return "on" if value else "off"
    if key in ("hold", "clear_hold"):
        return format_duration(timedelta(milliseconds=value))
    if key == "schedule":
        return ", ".join(format_duration(timedelta(milliseconds=each)) for each in value)
    return f"{value:g}" if isinstance(value, float | int) else str(value.value)


def _source(origin: SettingOrigin, place: RulePlace) -> str:
    where = {"default": _("default"), "page": _("the page")}.get(origin.kind, origin.where)
    return _("%(where)s, for %(place)s", where=where, place=place.name) if place.name else where


def _rule(name: str) -> Rule:
    try:
        return Rule(name)
    except ValueError:
        raise NotFound(_("There is no such rule.")) from None


def _place() -> RulePlace:
    """That of the address or the form; raises `BadQuery`."""
    node, site = request.values.get("node", ""), request.values.get("site", "")
    try:
        if "/" in node:
            named = NodeId.parse(node)
            return RulePlace(named.site, named.node)
        for name, value in (("node", node), ("site", site)):
            if value:
                check_name(value, name)
    except TopicError as exc:
        raise BadQuery(str(exc)) from None
    if node and not site:
        raise BadQuery(_("site: is missing"))
    return RulePlace(site, node)
