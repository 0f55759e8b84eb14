"""Which sites the viewer of this request sees and may change: what is of another is as if it were not there."""

from flask import g, has_request_context
from werkzeug.exceptions import Forbidden

from alerts.facts import User
from alerts.incident import Incident
from alerts.silence import Matcher
from rigwatch.errors import NotDone
from store import alerts, incidents, silences
from store.incidents import SentNotification
from store.transaction import Transaction
from web.language.texts import gettext as _


def visible_sites() -> frozenset[str] | None:
    """None: all there are."""
    user = _user()
    return None if user is None or user.sites is None else frozenset(user.sites)


def may_see(site: str) -> bool:
    """An incident of the fleet or of the server has no site, and is for who sees all."""
    sites = visible_sites()
    return sites is None or site in sites


def sees(incident: Incident) -> bool:
    return may_see(incident.subject.site)


def seen_messages(tx: Transaction, number: int) -> list[SentNotification]:
    """Those that speak of nothing that the viewer does not see."""
    found = incidents.sent(tx, number)
    if visible_sites() is None:
        return found
    spoken_of = {each for message in found for each in message.incidents}
    hidden = {each for each in spoken_of if (known := alerts.one(tx, each)) is None or not sees(known)}
    return [each for each in found if not hidden & set(each.incidents)]


def may_change(site: str) -> bool:
    user = _user()
    return user is not None and user.may_change(site)


def sees_silence(matcher: Matcher) -> bool:
    """One that says its site, without `*`: others are about more than one viewer's nodes."""
    return may_see(matcher.site)


def need_change(site: str) -> None:
    """Raises `Forbidden` where the viewer may not change what is of that site."""
    if not may_change(site):
        raise Forbidden(_("This needs the role admin for that site."))


def need_silence(tx: Transaction, number: int) -> None:
    """The same of the site that a silence is about."""
    found = silences.one(tx, number)
    if found is None or not sees_silence(found.matcher):
        raise NotDone(f"silence {number}: there is none that is not over")
    need_change(found.matcher.site)


def _user() -> User | None:
    found: User | None = g.get("rigwatch_user") if has_request_context() else None
    return found
