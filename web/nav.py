"""Where one can go from every page. A page that the application does not have is left out."""

from typing import Final, NamedTuple

from flask import current_app, request, url_for

from web.access.login import is_admin

_PLACES: Final = (
    ("overview.page", "Overview"),
    ("incidents.page", "Incidents"),
    ("wall.page", "Wall"),
    ("admin.page", "Administration"),
)
_ADMINS_ONLY: Final = frozenset({"admin.page"})


class NavLink(NamedTuple):
    """A link; `here`: it leads to the page, or the part of the pages, that is shown."""

    label: str
    href: str
    here: bool


def places() -> list[NavLink]:
    return [
        NavLink(label, url_for(endpoint), request.blueprint == endpoint.partition(".")[0])
        for endpoint, label in _PLACES
        if endpoint in current_app.view_functions and (is_admin() or endpoint not in _ADMINS_ONLY)
    ]
