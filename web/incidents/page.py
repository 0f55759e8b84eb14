"""The list of incidents, `/incidents`: what is open, below it what is past, and the live part of it that is polled."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response, render_template, request, url_for

from alerts.rule import Rule, Severity
from rigwatch.clock import Clock, Millis
from rigwatch.settings import ServerSettings
from store import Store, incidents
from store.incidents import IncidentCursor, IncidentPart
from store.transaction import Transaction
from web.access.sites import visible_sites
from web.incidents import one as incident
from web.incidents.context import PageContext
from web.incidents.listing import IncidentListing
from web.incidents.rows import by_attention, incident_row
from web.language.texts import gettext as _
from web.parts import LiveParts
from web.silences import page as quiet
from web.zone import Zone

OPEN_SHOWN: Final = 100
PAGE: Final = 50


class IncidentsPage:
    """The list, as a page and as its live part."""

    def __init__(self, page_context: PageContext) -> None:
        self._page_context = page_context
        self._parts = LiveParts()

    def page(self) -> str:
        listing, now = IncidentListing.parse(request.args), self._page_context.clock.now()
        live_url = url_for("incidents.live") + listing.query()
        return render_template("incidents.html", live_url=live_url, **self._context(listing, now))

    def live(self) -> Response:
        """The part that changes, or 304 while it has not."""
        listing, now = IncidentListing.parse(request.args), self._page_context.clock.now()
        return self._parts.answer(
            listing.query(),
            self._page_context.version(now),
            lambda: render_template("incidents_live.html", **self._context(listing, now)),
        )

    def _context(self, listing: IncidentListing, now: Millis) -> Mapping[str, Any]:
        with self._page_context.store.read() as tx:
            return self._read(tx, listing, now)

    def _read(self, tx: Transaction, listing: IncidentListing, now: Millis) -> Mapping[str, Any]:
        parts = [listing.part] if listing.part else [IncidentPart.OPEN, IncidentPart.PAST]
        sections = [self._section(tx, listing, part, now) for part in parts]
        worst = incidents.open_by_severity(tx, visible_sites())
        return {
            **self._page_context.context(now),
            "listing": listing,
            "sections": sections,
            "tabs": _tabs(listing),
            "narrowed": [(name, value, listing.without(name).query()) for name, value in listing.narrowed.items()],
            "rules": [each.value for each in Rule],
            "severities": [each.value for each in Severity],
            "counts": [(each.value, worst[each]) for each in reversed(Severity) if worst.get(each)],
            "critical": worst.get(Severity.CRITICAL, 0),
        }

    def _section(self, tx: Transaction, listing: IncidentListing, part: IncidentPart, now: Millis) -> Mapping[str, Any]:
        is_summary = listing.part is None and part is IncidentPart.OPEN
        limit = OPEN_SHOWN if is_summary else PAGE
        found = incidents.page(tx, listing.of(part), limit + 1, before=listing.before)
        shown, more = found[:limit], len(found) > limit
        row_context = self._page_context.row_context(tx, shown, now)
        ordered = by_attention(shown) if part is IncidentPart.OPEN and not listing.before and not more else shown
        last = shown[-1] if shown else None
        older = listing.only(part, IncidentCursor(last.since, last.id)).query() if more and last else ""
        return {
            "part": part.value,
            "rows": [incident_row(each, row_context) for each in ordered],
            "count": incidents.count(tx, listing.of(part)) if part is IncidentPart.OPEN else None,
            "older": older,
            "newest": listing.only(part).query() if listing.before else "",
        }


def create(settings: ServerSettings, store: Store, clock: Clock, *, zone: Zone) -> Blueprint:
    """The pages about incidents and quiet. Templates anywhere may ask for `refused_channels()` (names, no reasons) and
    `reaches_nobody()`, `not_taken_over()`."""
    page_context = PageContext(settings, store, clock, zone=zone)
    blueprint = Blueprint("incidents", __name__)
    page = IncidentsPage(page_context)
    blueprint.add_url_rule("/incidents", "page", page.page)
    blueprint.add_url_rule("/incidents/live", "live", page.live)
    incident.register(blueprint, page_context)
    quiet.register(blueprint, page_context)
    for look in (page_context.refused_channels, page_context.reaches_nobody, page_context.not_taken_over):
        blueprint.add_app_template_global(look, look.__name__)
    return blueprint


def _tabs(listing: IncidentListing) -> list[tuple[str, str, bool]]:
    names = {
        None: _("open and past"),
        IncidentPart.OPEN: _("open"),
        IncidentPart.PAST: _("past"),
        IncidentPart.DISMISSED: _("over before they counted"),
    }
    return [(name, listing.only(part).query(), part is listing.part) for part, name in names.items()]
