"""Administration of how the pages look and how much is kept: borders of the colours, the time zone, retention."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final, NamedTuple
from zoneinfo import available_timezones

from flask import Blueprint, Response, render_template, request, url_for

from rigwatch.clock import in_millis
from rigwatch.layers import LayeredSettings
from rigwatch.settings import ServerSettings
from rigwatch.settings.durations import format_duration, parse_duration
from rigwatch.settings.rule_values import toml_number
from rigwatch.settings.toml_lines import KeyPath
from store import acts, page_settings, reader
from store.retention import oldest_kept
from store.times import HOUR
from web import units
from web.access.login import admin_only
from web.admin.context import AdminContext, Wrong, ask_back, attempt, done, done_text, sure
from web.language.texts import N_, ngettext, numeral
from web.language.texts import gettext as _

ZONE: Final[KeyPath] = ("web", "timezone")
KEEP: Final[KeyPath] = ("database", "keep")
_COLOURS: Final[KeyPath] = ("web", "colours")
_TEXT_MAX: Final = 100
_FROM: Final = {"green": N_("green from"), "yellow": N_("yellow from"), "orange": N_("orange from")}
_UNTIL: Final = {"green": N_("green until"), "yellow": N_("yellow until"), "orange": N_("orange until")}
_GROUPS: Final = (
    ("hashrate", N_("Hashrate"), "H/s", _FROM),
    ("peers", N_("Peers"), "", _FROM),
    ("lag", N_("Blocks behind"), "", _UNTIL),
    ("temperature", N_("Temperature"), "°C", _UNTIL),
    ("memory", N_("Memory"), "°C", _UNTIL),
    ("age", N_("Age of the last report"), "", _UNTIL),
)
"""What has colours: how its keys begin, its name and unit, and how its borders are said."""


class SettingField(NamedTuple):
    """`name` is the setting's path with dots; `value` what is set in the page, `counts` what counts."""

    name: str
    label: str
    value: str
    counts: str
    source: str
    fixed: bool


class ColourGroup(NamedTuple):
    """The borders of one figure."""

    title: str
    unit: str
    fields: tuple[SettingField, ...]


class DisplayAdmin:
    """One page, one form."""

    def __init__(self, admin: AdminContext) -> None:
        self._admin = admin

    def register(self, blueprint: Blueprint) -> None:
        blueprint.add_url_rule("/display", "display", self.page)
        blueprint.add_url_rule("/display", "display_set", self.set, methods=["POST"])

    @admin_only
    def page(self) -> str:
        return self._page()

    def set(self) -> Response:
        return attempt(self._set, self._page)

    def _set(self) -> Response:
        layered = self._admin.layered()
        changes = _changes(layered)
        if not changes:
            raise Wrong(_("Nothing is different from what is set already."))
        with self._admin.store.read() as tx:
            after = page_settings.tentative(tx, changes, layers=self._admin.layers).after.settings
        if after.database.keep < layered.settings.database.keep and not sure():
            return self._ask(after)
        self._admin.act(acts.settings.change, changes, layers=self._admin.layers)
        return done(url_for("admin.display"), "saved")

    def _ask(self, after: ServerSettings) -> Response:
        """What is forgotten cannot be brought back."""
        before = oldest_kept(after.database.keep, self._admin.now())
        with self._admin.store.read() as tx:
            hours = reader.samples_by_hour(tx, 0)
        old = sum(samples for hour, samples in hours.items() if hour < before // HOUR)
        what = ngettext("%(number)s sample is deleted", "%(number)s samples are deleted", old)
        return ask_back(
            _("Keep samples for %(span)s only?", span=format_duration(after.database.keep)),
            button=_("Delete and save"),
            explained=_(
                "Within a minute %(what)s of %(all)s in all: all from before %(moment)s. That is final.",
                what=what,
                all=numeral(f"{sum(hours.values()):,}"),
                moment=self._admin.zone.full(before),
            ),
            back=url_for("admin.display"),
        )

    def _page(self, problem: str = "") -> str:
        layered = self._admin.layered()
        return render_template(
            "admin_display.html",
            problem=problem,
            done=done_text(),
            left_out=layered.problems,
            groups=_groups(layered),
            zone_field=_field(layered, ZONE, _("Time zone")),
            keep_field=_field(layered, KEEP, _("Samples are kept for")),
            zones=sorted(available_timezones()),
            typed=request.form if problem else {},
            unknown_zone=self._admin.zone.unknown,
            kept=units.age(in_millis(layered.settings.database.keep)),
        )


def _groups(layered: LayeredSettings) -> list[ColourGroup]:
    colours = layered.settings.web.colours
    return [
        ColourGroup(
            _(title),
            unit,
            tuple(
                _field(layered, (*_COLOURS, f"{name}_{level}"), _(said))
                for level, said in levels.items()
                if hasattr(colours, f"{name}_{level}")
            ),
        )
        for name, title, unit, levels in _GROUPS
    ]


def _field(layered: LayeredSettings, path: KeyPath, label: str) -> SettingField:
    origin, counts = layered.origin(path), _counts(layered.settings, path)
    where = {"default": _("default"), "page": _("the page")}.get(origin.kind, origin.where)
    return SettingField(
        ".".join(path), label, counts if origin.kind == "page" else "", counts, where, fixed=origin.is_fixed
    )


def _counts(settings: ServerSettings, path: KeyPath) -> str:
    """What counts, as people would type it."""
    value: Any = settings
    for key in path:
        value = getattr(value, key)
    if isinstance(value, timedelta):
        return format_duration(value)
    return value if isinstance(value, str) else f"{value:g}"


def _changes(layered: LayeredSettings) -> Mapping[KeyPath, Any]:
    """What the form says that is not so already; a field that it lacks stays as it is. Raises `Wrong`."""
    fields = [field for group in _groups(layered) for field in group.fields]
    fields += [_field(layered, path, label) for path, label in ((ZONE, _("Time zone")), (KEEP, _("Retention")))]
    changes: dict[KeyPath, Any] = {}
    for field in fields:
        text = request.form.get(field.name, field.value).strip()[:_TEXT_MAX]
        if text != field.value:
            changes[tuple(field.name.split("."))] = _raw(tuple(field.name.split(".")), text) if text else None
    return changes


def _raw(path: KeyPath, text: str) -> Any:  # noqa: ANN401 - a TOML value is anything
    """As TOML has it; whether it is allowed, the settings themselves say."""
    if path == ZONE:
        if text not in available_timezones():
            raise Wrong(_("Time zone: should be a name such as Europe/Berlin"))
        return text
    if path == KEEP or path[-1].startswith("age_"):
        try:
            parse_duration(text)
        except ValueError:
            raise Wrong(_("%(name)s: should be a time such as 90s, 5m, 48h or 7d", name=".".join(path))) from None
        return text
    try:
        return toml_number(text.replace(",", "."))
    except ValueError:
        raise Wrong(_("%(name)s: should be a number", name=".".join(path))) from None
