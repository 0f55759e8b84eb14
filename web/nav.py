"""Where one can go from every page. A page that the application does not have is left out."""

from typing import Final, NamedTuple

from flask import current_app, request, url_for

from web.access.login import is_admin, opens
from web.language.texts import N_
from web.language.texts import gettext as _

_PLACES: Final = (
    ("overview.page", N_("Overview")),
    ("incidents.page", N_("Incidents")),
    ("wall.page", N_("Wall")),
    ("admin.page", N_("Administration")),
)
_ADMINS_ONLY: Final = frozenset({"admin.page"})


class NavLink(NamedTuple):
    """A link; `here`: it leads to the page, or the part of the pages, that is shown."""

    label: str
    href: str
    here: bool


def places() -> list[NavLink]:
    return [
        NavLink(_(label), url_for(endpoint), request.blueprint == endpoint.partition(".")[0])
        for endpoint, label in _PLACES
        if endpoint in current_app.view_functions and (is_admin() or endpoint not in _ADMINS_ONLY) and opens(endpoint)
    ]


def home() -> str:
    """Where the name of the program leads: the overview, or the wall where a link opens nothing else."""
    return "overview.page" if opens("overview.page") else "wall.page"
