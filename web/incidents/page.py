"""The list of incidents, `/incidents`: what is open, below it what is past, and the live part of it that is polled."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from alerts.rule import Rule, Severity
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from store import Store, incidents
from store.incidents import Part, Place
from store.work import Work
from web.incidents import one as incident
from web.incidents.listing import IncidentListing
from web.incidents.rows import by_attention, incident_row
from web.incidents.sight import Sight
from web.parts import Parts
from web.quiet import page as quiet
from web.zone import Zone

OPEN_SHOWN: Final = 100
PAGE: Final = 50


class IncidentsPage:
    """The list, as a page and as its live part."""

    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._parts = Parts()

    def page(self) -> str:
        listing, now = IncidentListing.parse(request.args), self._sight.clock.now()
        live_url = url_for("incidents.live") + listing.query()
        return render_template("incidents.html", live_url=live_url, **self._context(listing, now))

    def live(self) -> Response:
        """The part that changes, or 304 while it has not."""
        listing, now = IncidentListing.parse(request.args), self._sight.clock.now()
        return self._parts.answer(
            listing.query(),
            self._sight.version(now),
            lambda: render_template("incidents_live.html", **self._context(listing, now)),
        )

    def _context(self, listing: IncidentListing, now: Millis) -> Mapping[str, Any]:
        return self._sight.store.look(lambda work: self._read(work, listing, now))

    def _read(self, work: Work, listing: IncidentListing, now: Millis) -> Mapping[str, Any]:
        parts = [listing.part] if listing.part else [Part.OPEN, Part.PAST]
        sections = [self._section(work, listing, part, now) for part in parts]
        worst = incidents.open_by_severity(work)
        return {
            **self._sight.context(now),
            "listing": listing,
            "sections": sections,
            "tabs": _tabs(listing),
            "narrowed": [(name, value, listing.without(name).query()) for name, value in listing.narrowed.items()],
            "rules": [each.value for each in Rule],
            "severities": [each.value for each in Severity],
            "counts": [(each.value, worst[each]) for each in reversed(Severity) if worst.get(each)],
            "critical": worst.get(Severity.CRITICAL, 0),
        }

    def _section(self, work: Work, listing: IncidentListing, part: Part, now: Millis) -> Mapping[str, Any]:
        is_summary = listing.part is None and part is Part.OPEN
        limit = OPEN_SHOWN if is_summary else PAGE
        found = incidents.page(work, listing.of(part), limit + 1, before=listing.before)
        shown, more = found[:limit], len(found) > limit
        scene = self._sight.scene(work, shown, now)
        ordered = by_attention(shown) if part is Part.OPEN and not listing.before and not more else shown
        last = shown[-1] if shown else None
        older = listing.only(part, Place(last.since, last.id)).query() if more and last else ""
        return {
            "part": part.value,
            "rows": [incident_row(each, scene) for each in ordered],
            "count": incidents.count(work, listing.of(part)) if part is Part.OPEN else None,
            "older": older,
            "newest": listing.only(part).query() if listing.before else "",
        }


def create(settings: ServerSettings, store: Store, clock: Clock, *, zone: Zone) -> Blueprint:
    """The pages about incidents and quiet. Templates anywhere may ask for `refused_channels()` (names, no reasons) and
    `reaches_nobody()`, `not_taken_over()`."""
    sight = Sight(settings, store, clock, zone=zone)
    blueprint = Blueprint("incidents", __name__)
    page = IncidentsPage(sight)
    blueprint.add_url_rule("/incidents", "page", page.page)
    blueprint.add_url_rule("/incidents/live", "live", page.live)
    incident.register(blueprint, sight)
    quiet.register(blueprint, sight)
    for look in (sight.refused_channels, sight.reaches_nobody, sight.not_taken_over):
        blueprint.add_app_template_global(look, look.__name__)
    return blueprint


def _tabs(listing: IncidentListing) -> list[tuple[str, str, bool]]:
    names = {None: "open and past", Part.OPEN: "open", Part.PAST: "past", Part.DISMISSED: "over before they counted"}
    return [(name, listing.only(part).query(), part is listing.part) for part, name in names.items()]
